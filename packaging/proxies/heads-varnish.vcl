vcl 4.1;

# Two servers of the same files behind Varnish, which keeps what never changes: sealed generations that clients request by
# their tags (`?generation=TAG`). It passes on everything else. The name that clients use: `openrange --host logs.example.com`.

import directors;

# A probe asks the listener that serves; with --token-file let it ask for something public.
probe alive {
    .request =
        "HEAD / HTTP/1.1"
        "Host: localhost"
        "Connection: close";
    .interval = 1s;
    .timeout = 1s;
    .window = 3;
    .threshold = 2;
    .initial = 2;
}

backend one {
    .host = "127.0.0.1";
    .port = "8080";
    .probe = alive;
}

backend two {
    .host = "127.0.0.2";
    .port = "8080";
    .probe = alive;
}

sub vcl_init {
    new heads = directors.fallback();
    heads.add_backend(one);
    heads.add_backend(two);
}

sub vcl_recv {
    set req.backend_hint = heads.backend();
    # Subscriptions: no byte of them may wait in a cache.
    if (req.http.Range ~ "(?i)^\s*bytes\s*=\s*[0-9]+-\s*$" || req.http.Accept ~ "text/event-stream" || req.url ~ "[?&](files|lines|from)=") {
        return (pipe);
    }
    # HEAD tells what came after a generation, which changes. Only the server can judge conditions.
    if (req.method != "GET" || req.url !~ "[?&]generation=" || req.http.If-Bytes-Before || req.http.If-Match || req.http.Authorization || req.http.Cookie) {
        return (pass);
    }
    return (hash);
}

sub vcl_pipe {
    # The connection to the server is this client's alone.
    set bereq.http.Connection = "close";
}

sub vcl_backend_response {
    # Only what the server calls immutable is kept.
    if (beresp.http.Cache-Control !~ "immutable") {
        set beresp.uncacheable = true;
        set beresp.ttl = 0s;
    }
    return (deliver);
}

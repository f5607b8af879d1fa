//! Whose pages may write.

use openrange::http::origin::Origins;

#[test]
fn origins() {
    let mut origins = Origins::default();
    origins.add_address("127.0.0.1", 8080);
    origins.add_address("[::1]", 80);
    origins.add_host("Logs.example");
    origins.add_host("*");
    origins.add_origin("https://app.example:8443");
    origins.add_origin("*");
    let permitted = [
        "http://127.0.0.1:8080",
        "http://localhost:8080",
        "http://LOCALHOST:8080",
        "http://[::1]",
        "http://localhost",
        "http://logs.example",
        "https://logs.example",
        "https://logs.example:1",
        "https://app.example:8443",
    ];
    for origin in permitted {
        assert!(origins.permit(origin.as_bytes()), "{origin}");
    }
    let refused = [
        "",
        "null",
        "*",
        "http://evil.example",
        "https://127.0.0.1:8080",
        "http://127.0.0.1:8081",
        "http://127.0.0.1",
        "http://localhost:80",
        "http://localhost:8081",
        "http://logs.example.evil.example",
        "http://logs.example:",
        "http://logs.example:1x",
        "http://logs.example@evil.example",
        "ftp://logs.example",
        "http://evil.example/logs.example",
        "http://xlogs.example",
        "https://app.example",
        "https://app.example:84430",
    ];
    for origin in refused {
        assert!(!origins.permit(origin.as_bytes()), "{origin}");
    }
    assert!(!origins.permit(b"http://\xff"));
}

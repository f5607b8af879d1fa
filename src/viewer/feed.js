// --- Files of a directory that are followed, over one connection ------------------------------------------------------

class Feed {
  // Alone: for one file, which is followed as a tail.
  constructor(directory, alone = false) {
    this.directory = directory;
    this.alone = alone;
    this.topics = [];
  }

  static all = [];

  // One that can take another file. In a list of several no name can have a comma or an asterisk in it.
  static of(url) {
    const leaf = url.slice(url.lastIndexOf("/") + 1), directory = url.slice(0, url.length - leaf.length);
    if (/[,*?]|%2[ac]/i.test(leaf)) return new Feed(directory, true);
    let feed = Feed.all.find(feed => feed.directory === directory && feed.hasRoomFor(url));
    if (!feed) Feed.all.push(feed = new Feed(directory));
    return feed;
  }

  hasRoomFor(url) {
    return this.topics.length < TABS && (!this.topics.length || this.target([...this.topics, { url }]).length <= TARGET);
  }

  // What asks for events of these files.
  target(topics) {
    const names = topics.map(topic => topic.url.slice(this.directory.length).replaceAll("&", "%26"));
    return `${this.directory}?files=${names}`;
  }

  join(topic) {
    this.topics.push(topic);
    this.change();
  }

  leave(topic) {
    this.topics = this.topics.filter(other => other !== topic);
    this.change();
  }

  // Each file knows where it is, so a connection is given up for another one without loss.
  change() {
    this.work?.abort();
    this.work = new AbortController();
    if (this.topics.length) this.live(this.work.signal);
  }

  // Follows the files, whatever happens on the way, until they are others.
  async live(signal) {
    this.failures = 0;
    await null; // several changes at once are one
    while (!signal.aborted) {
      try {
        const [only, ...others] = this.topics;
        await sleep(await (others.length ? this.events(signal) : only.stream(signal)), signal);
      } catch (error) {
        if (signal.aborted) return;
        const wait = Math.min(SOON * 2 ** this.failures++, LATE) * (0.75 + Math.random() / 2);
        const why = error instanceof TypeError ? "connection lost" : error.message;
        for (const topic of this.topics) topic.broken(`${why}, again in ${(wait / 1000).toFixed(1)} s`);
        await sleep(wait, signal);
      }
    }
  }

  // One stream of events. Gives how long to wait before the next; throws if it broke off.
  async events(signal) {
    const { topics } = this;
    const refused = status => Math.max(...topics.map(topic => topic.refused(status)));
    let list = await entriesOf(this.directory, signal);
    if (list.status === 401) {
      await topics[0].head(signal); // asks for a token
      list = await entriesOf(this.directory, signal);
      if (list.status === 401) return this.split();
    }
    if (list.status !== 200) return refused(list.status);
    for (const topic of topics) {
      let entry = list.entries.find(entry => entry.kind === "file" && nameOf(entry.path) === topic.leaf);
      if (!entry && list.truncated) entry = await topic.head(signal);
      if (entry?.status > 404) return topic.refused(entry.status);
      topic.seen(entry);
      if (signal.aborted) return 0;
    }
    const dead = new AbortController();
    const answer = await ask(this.target(topics), AbortSignal.any([signal, dead.signal]),
      { "Accept": "text/event-stream", "Last-Event-ID": topics.map(topic => topic.place()).join() });
    if (!answer.ok) return refused(answer.status);
    for (const topic of topics) topic.connected();
    await this.read(answer.body.pipeThrough(new TextDecoderStream()).getReader(), topics, signal, dead);
    for (const topic of topics) topic.broke = false;
    return SOON;
  }

  // Takes events until the stream ends.
  async read(reader, topics, signal, dead) {
    let rest = "", breath = performance.now();
    while (!signal.aborted) {
      const timer = setTimeout(() => dead.abort(new Error("silence")), SILENCE);
      const { done, value } = await reader.read();
      clearTimeout(timer);
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        if (signal.aborted) return;
        this.event(topics, block);
      }
      if (topics.includes(view.file)) view.file.glanceSoon();
      breath = await breathe(breath);
    }
  }

  // The token is good for these files, but not for the directory: each is a tail of its own.
  split() {
    for (const topic of this.topics.splice(0)) topic.isolate();
    this.change();
    return 0;
  }

  // A block of a stream: its type is the name of a file, and what happened to it; its id has a place in each of them.
  event(topics, block) {
    let type = "", places = [];
    const data = [];
    for (const line of block.split("\n")) {
      if (line.startsWith("data: ")) data.push(line.slice(6));
      else if (line.startsWith("event: ")) type = line.slice(7);
      else if (line.startsWith("id: ")) places = line.slice(4).split(",");
    }
    // Where files begin that were not there.
    if (!type) return topics.forEach((topic, i) => topic.etag || (places[i] ?? "-") === "-" || topic.begins(...placeOf(places[i])));
    const [path, kind] = type.replace(/^file:/, "").split("/"), leaf = nameOf(path);
    const index = topics.findIndex(topic => topic.leaf === leaf), topic = topics[index];
    if (!topic) return;
    const [etag, at] = placeOf(places[index] ?? "-");
    const before = topic.told?.id;
    topic.told = { etag, at, id: places[index] };
    if (kind === undefined && etag === topic.etag && isLate(before, places[index])) topic.late(data.join("\r"));
    else if (kind === "truncate") topic.startOver("bad", TRUNCATED, etag);
    else if (kind !== "roll") topic.take(data.join("\r"), at);
    else if (etag) topic.begins(etag, at, data[0].includes('"gap":true'));
    else topic.leaves();
  }
}

// Whether an event is of a line that was written to an earlier file: the place in this file is as before, others are not.
function isLate(before, id) {
  const [main, ...earlier] = id.split("."), [lastMain, ...last] = (before ?? "").split(".");
  return main === lastMain && earlier.join() !== last.join();
}

// A place in a file, as an id has it: first, before places in files that had the name earlier.
function placeOf(id) {
  const [tag, at] = id.split(".")[0].split("-");
  return tag ? [`W/"${tag}"`, Number(at)] : [];
}

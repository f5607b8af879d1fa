// --- What of a file is held -------------------------------------------------------------------------------------------

Object.assign(Topic.prototype, {
  full(part = this.part()) {
    return this.lines.length > LINES * part || this.bytes > BYTES * part;
  },

  // Of many files those that are not in sight hold less.
  part() {
    return this === view.file || !this.following ? 1 : Math.min(1, 4 / view.files.length);
  },

  trimStart() {
    const part = 0.9 * this.part();
    let count = 0;
    while (this.lines.length - count > LINES * part || this.bytes > BYTES * part) this.bytes -= this.lines[count++].bytes;
    this.lines.splice(0, count);
    if (this.lines[0]?.file === this.file) this.base = this.lines[0].at;
  },

  // What follows is fetched again when somebody scrolls there.
  trimEnd() {
    if (!this.full()) return;
    while (this.full()) {
      const line = this.lines.pop();
      this.bytes -= line.bytes;
      this.at = line.at;
    }
    this.openEnds();
    this.hold();
  },

  // The window is full and somebody reads in it: the stream waits.
  hold() {
    this.begin();
    this.say("fair", "reading older lines");
    return 0;
  },

  // Whether lines of this very file are in front of the window.
  hasOlder() {
    return this.etag && this.base > 0 && !this.partial && (!this.lines.length || this.lines[0].file === this.file);
  },

  // Whether all lines of the file are held.
  isWhole() {
    return this.attached && !this.hasOlder() && !this.partial && this.lines.length > 0;
  },

  // Whether a line comes behind another one, or is it.
  isFrom(line, other) {
    return line.file > other.file || (line.file === other.file && line.at >= other.at);
  },

  // Fetches [first, end), or less at the end of the file. Undefined: not now.
  async range(first, end) {
    if (this.fetching) return;
    this.fetching = true;
    const work = this.work;
    try {
      const { size, bytes } = await this.fetch(first, end, work.signal);
      if (work !== this.work) return;
      if (!Number.isNaN(size)) this.size = size;
      if (bytes) return bytes;
      // What this means the live loop knows: it asks the same.
      if (!this.attached) this.live();
    } catch (error) {
      if (work === this.work && !this.attached) this.live();
    } finally {
      if (work === this.work) this.fetching = false;
    }
  },

  // The bytes of [first, end) of this very file, if they are to be had, and its size.
  async fetch(first, end, signal, etag = this.etag) {
    // One of many: the log of the server need not have a line for each.
    const headers = { "Range": `bytes=${first}-${end - 1}`, "If-Match": etag, "Openrange-Viewer": "page" };
    const answer = await ask(this.url, signal, headers);
    const bytes = answer.status === 206 ? new Uint8Array(await answer.arrayBuffer()) : null;
    return { bytes, size: total(answer) };
  },

  // The page in front of the window. True if there was one.
  async older() {
    if (!this.hasOlder()) return false;
    const end = this.base, first = Math.max(0, end - PAGE);
    const bytes = await this.range(first, end);
    if (!bytes || this.base !== end || bytes.length < end - first || this.looksEncoded(bytes)) return false;
    const feed = first ? this.encoding.feed(bytes, 0, first) : -1, start = feed < 0 ? 0 : feed + this.encoding.width;
    const page = bytes.subarray(start === bytes.length ? 0 : start);
    const lines = allLines(page, end - page.length, this.of);
    for (const line of lines) this.bytes += line.bytes;
    this.base = end - page.length;
    this.lines = lines.concat(this.lines);
    if (!this.following) this.trimEnd();
    view.soon(this);
    return true;
  },

  // The page behind the window, or the stream if that is where the file ends. `first`: the first lines are wanted.
  async newer(first = false) {
    if (this.attached) return false;
    const at = this.at;
    const bytes = at < this.size ? await this.range(at, at + PAGE) : null;
    if (this.at !== at || bytes === undefined || this.attached) return false;
    if (bytes) this.append(bytes, false);
    if (first) this.trimEnd();
    else if (this.full()) this.trimStart();
    if (this.at >= this.size) this.live();
    view.soon(this);
    return bytes !== null;
  },

  // To the line with this byte. Gives it, if it is there.
  async jump(offset, delta = 0) {
    if (!this.etag) return null;
    this.following = false;
    this.hold();
    // With what is in front of it, at least the beginning of its line.
    const first = Math.max(0, offset - LONGEST);
    this.forget(first - first % 2);
    this.anchor = null;
    await this.newer(true);
    const line = this.lines.findLast(line => line.at <= offset) ?? null;
    if (line) this.anchor = { line, delta };
    view.soon(this);
    return line;
  },

  // To the end, and stay there.
  end() {
    this.following = true;
    this.unseen = 0;
    if (!this.attached) {
      this.forget(0);
      this.file = 0;
      this.etag = "";
      this.live();
    }
    view.soon(this);
  },

  close() {
    this.begin();
  },
});

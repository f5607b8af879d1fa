// --- A file that is followed ------------------------------------------------------------------------------------------

class Topic {
  constructor(url) {
    this.url = url;
    this.name = visible(nameOf(url));
    this.leaf = nameOf(url.slice(url.lastIndexOf("/") + 1)).split("?generation=")[0];
    this.label = visible(this.leaf) + (url.includes("?") ? " (earlier)" : "");
    this.feed = Feed.of(url);
    this.file = 0; // counts the files that had this name
    this.following = true; // the view is at the end and stays there
    this.anchor = null; // else: { line, delta }, the line at the top and how far it is above the edge
    this.unseen = 0; // lines that came since then
    this.unread = 0; // lines that came while the file was not in sight
    this.top = 0; // up to here everything was there, or has been counted
    this.encoding = UTF8;
    this.say("fair", "connecting");
    this.forget(0);
    this.live();
  }

  // An empty window at this offset.
  forget(offset) {
    this.lines = [];
    this.bytes = 0;
    this.clear(offset);
  }

  clear(offset) {
    this.base = this.at = offset; // the window is [base, at)
    this.partial = offset > 0; // it begins in the middle of a line, of which the rest is passed over
    this.rest = null; // bytes of a last line that has not ended; they are shown as this.open
    this.open = null;
  }

  // Which lines these are, for those that make them.
  get of() {
    return { source: this, tag: this.etag, file: this.file, encoding: this.encoding };
  }

  say(mood, text) {
    if (this.text === text) return;
    this.mood = mood;
    this.text = text;
    view.soon();
  }

  // The mood, and of a complete answer to a job how that ended.
  get look() {
    return this.mood + (this.mood !== "done" || !this.job ? "" : this.job === "0" ? " passed" : " failed");
  }

  // Whatever is on its way for this file ends.
  begin() {
    this.work?.abort();
    this.work = new AbortController();
    if (this.attached) this.feed.leave(this);
    this.attached = false;
    this.fetching = false;
  }

  // Follows the file and its successors from `at`, until something else begins.
  live() {
    this.begin();
    this.attached = true;
    this.feed.join(this);
  }

  // From here on over a connection of its own.
  isolate() {
    (this.feed = new Feed(this.feed.directory, true)).join(this);
  }

  // Behind the last line that has ended, for a stream of events: as the server said it, if it did.
  place() {
    if (!this.etag) return "-";
    const at = this.open ? this.open.at : this.at;
    return this.told?.etag === this.etag && this.told.at === at ? this.told.id : `${this.etag.slice(3, -1)}-${at}`;
  }

  // In front of a line that has not ended, if that goes on.
  notice(kind, text) {
    const line = { at: this.at, text, bytes: 0, file: this.file, source: this, tag: this.etag, kind: "notice " + kind };
    this.lines.splice(this.lines.length - (this.open ? 1 : 0), 0, line);
    view.soon();
    return line;
  }

  // A last line without an end stays as it is.
  openEnds() {
    this.rest = this.open = null;
  }

  // The connection is lost.
  broken(text) {
    this.ended = false; // whatever has come since then
    if (this.broke) {
      this.lost ??= this.notice("bad", "The connection was lost here.");
      this.lost.since ??= Date.now();
    }
    this.broke = false;
    this.say("bad", text);
  }

  // The file that has the name now, as an entry.
  async head(signal) {
    const { ok, status, headers } = await ask(this.url, signal, {}, { method: "HEAD" });
    return { status, etag: ok && headers.get("ETag"), size: Number(headers.get("Content-Length")) };
  }

  // Goes on with this file, or begins it: the first one shortly before its end.
  finds({ etag, size }) {
    this.size = size;
    if (!this.etag) {
      const first = this.file ? 0 : Math.max(0, size - PAGE);
      this.clear(first - first % 2);
      this.top = this.file ? 0 : size;
    }
    if (this.asked !== etag) this.encoding = UTF8;
    this.etag = etag;
    permalink.found(this);
  }

  // What the name leads to, before the request for events. If that is another file than before, the events tell what was between.
  seen(entry) {
    this.changed = Boolean(this.etag) && this.etag !== entry?.etag;
    if (!entry?.etag || (this.etag && this.etag !== entry.etag)) return;
    this.finds(entry);
    this.sealedAt = entry.sealed ? entry.size : Infinity;
  }

  // From this file to the one that has the name now (`etag`): the rest of this one, and all that had the name in between.
  async passOn(etag, signal) {
    for (let passed = 0; this.etag !== etag && passed < PASSED; passed++) {
      const { found, size, next, why } = await this.generation(signal);
      const all = this.ended || (found && await this.takeRest(size, signal));
      if (signal.aborted) return;
      if (all) this.mend();
      if (all) setTimeout((etag, at) => this.lookForLate(etag, at), LATENESS, this.etag, this.at);
      const text = all && next ? ROLLED : /truncated/.test(why) ? TRUNCATED : all ? ROLLED : MISSED;
      this.startOver(all ? "" : "bad", text, next && all ? next : etag);
    }
  }

  // A line that somebody wrote to the file that had the name before.
  late(text) {
    this.notice("late", `Written to the earlier file: ${shownAs(text).text}`);
  }

  // What a writer, who had not noticed the roll yet, has added to an earlier file behind this offset.
  async lookForLate(etag, at) {
    const url = `${this.url}?generation=${etag.slice(3, -1)}`, { signal } = this.work;
    try {
      const { ok, headers } = await ask(url, signal, {}, { method: "HEAD" });
      const size = Math.min(Number(headers.get("Content-Length")), at + PAGE);
      if (!ok || size <= at) return;
      const answer = await ask(url, signal, { "Range": `bytes=${at}-${size - 1}` });
      if (answer.status !== 206) return;
      for (const line of allLines(new Uint8Array(await answer.arrayBuffer()), at, this.of)) this.late(line.text);
    } catch { /* then the connection is lost, and says so */ }
  }

  // What the server knows of this file, whatever its name is now: its size, and the file after it.
  async generation(signal) {
    const url = `${this.url}?generation=${this.etag.slice(3, -1)}`;
    const { ok, headers } = await ask(url, signal, {}, { method: "HEAD" });
    const next = /generation=([0-9a-f]{16})>; rel="successor-version"/.exec(headers.get("Link"))?.[1];
    const why = ok ? "" : await (await ask(url, signal)).text();
    return { found: ok, size: Number(headers.get("Content-Length")), next: next && `W/"${next}"`, why };
  }

  // The end of a file that may have another name now. True if it was had.
  async takeRest(size, signal) {
    const url = `${this.url}?generation=${this.etag.slice(3, -1)}`;
    while (this.at < size) {
      const answer = await ask(url, signal, { "Range": `bytes=${this.at}-${Math.min(size, this.at + BYTES) - 1}` });
      if (answer.status !== 206) return false;
      const bytes = new Uint8Array(await answer.arrayBuffer());
      if (signal.aborted) return false;
      this.append(bytes, true);
      if (this.full()) this.trimStart();
    }
    return true;
  }

  // One answer, to its end. Gives how long to wait before the next request; throws if the answer broke off.
  async stream(signal) {
    if (!this.etag || this.ended) {
      const found = await this.head(signal);
      if (!found.etag) return this.refused(found.status);
      if (this.etag && found.etag !== this.etag) await this.passOn(found.etag, signal);
      if (signal.aborted) return 0;
      this.finds(found);
      if (this.mood === "done" && this.size === this.at) return 5000;
    }
    const answer = await ask(this.url, signal, { "Range": `bytes=${this.at}-`, "If-Match": this.etag });
    // A server that saw a truncation gives the file another tag.
    if (answer.status === 412) {
      const { etag } = await this.head(signal);
      if (etag && !signal.aborted) await this.passOn(etag, signal);
      return 0;
    }
    if (answer.status === 416) return this.behind(total(answer));
    if (answer.status !== 206) return this.refused(answer.status);
    this.sealedAt = Infinity;
    this.connected();
    this.ended = false;
    const from = this.at;
    if (await this.read(answer.body.getReader(), signal)) return 0;
    this.broke = false;
    // The stream ended properly: all of the file is here. What has become of its name is asked next.
    this.ended = true;
    return this.at > from ? 0 : SOON;
  }

  // Takes bytes until the stream ends. True: it was given up before.
  async read(reader, signal) {
    let breath = performance.now();
    for (;;) {
      const { done, value } = await reader.read();
      if (signal.aborted) return true;
      if (done) return false;
      this.append(value, true);
      this.size = Math.max(this.size, this.at);
      if (this.full()) {
        if (!this.following) {
          this.hold();
          return true;
        }
        this.trimStart();
      }
      breath = await breathe(breath);
    }
  }

  connected() {
    if (!this.changed) this.mend();
    this.feed.failures = 0;
    this.broke = true;
    if (this.etag) this.settle();
    if (!this.job) this.askJob();
    if (this === view.file) this.glanceSoon();
  }

  // Whatever came while there was no connection is here.
  mend() {
    if (this.lost) {
      const seconds = Math.round((Date.now() - this.lost.since) / 1000);
      this.lost.text = `The connection was lost here for ${seconds} s. Nothing is missing.`;
      this.lost.kind = "notice good";
      this.lost.drawn = 0;
    }
    this.lost = null;
  }

  // A file that is sealed and all here is complete.
  settle() {
    if (this.at > this.sealedAt) this.sealedAt = Infinity;
    if (this.at < this.sealedAt) {
      if (this.job === "waiting" && this.at) this.job = "running";
      return this.say("good", "live" + jobSays(this.job));
    }
    if (!this.complete) {
      this.notice("", "The file is complete: nothing will be added to it.");
      this.complete = true;
      this.askJob();
    }
    this.say("done", "complete" + jobSays(this.job));
  }

  // Whether the file is the answer to a job, and how far the job is: its directory says so, or a file beside it that says
  // how the job ended. While the job waits for a worker, it is asked again, more and more seldom.
  async askJob(wait = GLANCE) {
    if (!JOB.test(this.leaf)) return;
    const { etag, work, complete, feed: { directory } } = this;
    try {
      const { entries } = await entriesOf(`${directory}?filter=${this.leaf}`, work.signal);
      let job = entries.find(entry => entry.path === this.leaf)?.job;
      const beside = entries.find(entry => entry.path === `${this.leaf}.status` && entry.size < 100);
      if (!job && complete && beside) {
        job = visible((await (await ask(directory + beside.path, work.signal, {}, { login: false })).text()).trim());
      }
      if (work !== this.work || etag !== this.etag || complete !== this.complete) return;
      if (!job || (job === "waiting" && this.job === "running")) return;
      this.job = job;
      this.settle();
      if (job === "waiting") setTimeout(() => this.job === "waiting" && work === this.work && this.askJob(Math.min(wait * 2, JOB_GLANCES)), wait);
    } catch { /* then nobody knows */ }
  }

  // 416: the file is not longer than `at`. It is sealed, or was truncated.
  behind(size) {
    if (size < this.at) return this.startOver("bad", TRUNCATED);
    this.sealedAt = size;
    this.connected();
    this.broke = false;
    this.ended = true;
    return 5000;
  }

  // Another file has the name, or this one begins again.
  startOver(kind, text, etag = "") {
    this.openEnds();
    this.notice(kind, text);
    this.lost = null;
    this.file++;
    this.etag = etag;
    this.ended = this.complete = false;
    this.job = "";
    this.sealedAt = Infinity;
    this.encoding = UTF8;
    this.top = 0;
    this.clear(0);
    return 0;
  }

  // The name leads nowhere, and all of the file is here.
  leaves() {
    this.ended = true;
    this.say("fair", WAITING);
  }

  // The stream of events has come to a file, behind the last one or as the first.
  begins(etag, at, gap) {
    if (!gap) this.mend();
    if (this.etag) this.startOver(gap ? "bad" : "", gap ? MISSED : ROLLED, etag);
    this.etag = etag;
    this.clear(at);
    this.partial = false;
    this.size = at;
    this.settle();
  }

  refused(status) {
    if (status === 404) {
      if (this.ended && this.etag) this.startOver("", ROLLED);
      this.say("fair", WAITING);
      return 1000;
    }
    this.say("bad", status === 503 ? "the server is busy" : `refused with ${status}`);
    return 3000;
  }

  // Bytes at `at`, as they are written (live) or as somebody scrolls to them.
  append(bytes, live) {
    if (this.looksEncoded(bytes)) return;
    if (this.open) {
      const joined = new Uint8Array(this.rest.length + bytes.length);
      joined.set(this.rest);
      joined.set(bytes, this.rest.length);
      bytes = joined;
      this.takeBack();
    }
    let from = this.at;
    this.at += bytes.length;
    if (this.partial) {
      const feed = this.encoding.feed(bytes, 0, from), end = feed < 0 ? 0 : feed + this.encoding.width;
      if (!end && this.at - this.base < LONGEST) return;
      this.partial = false;
      from += end;
      this.base = from;
      bytes = bytes.subarray(end);
    }
    const { lines, used } = cut(bytes, from, this.of);
    this.add(lines, live);
    if (used < bytes.length) {
      this.rest = bytes.slice(used);
      this.open = lineOf(this.of, this.encoding.decode(this.rest), from + used, this.rest.length);
      this.lines.push(this.open);
      this.bytes += this.open.bytes;
    }
    view.soon(this);
  }

  // Lines behind the last one. Those that were appended are counted, those that somebody scrolled to are not.
  add(lines, live) {
    for (const line of lines) {
      this.lines.push(line);
      this.bytes += line.bytes;
      line.live = live && line.at >= this.top;
    }
    const fresh = lines.filter(line => line.live), last = lines.at(-1);
    if (last) this.top = Math.max(this.top, last.at + last.bytes);
    if (fresh.length) this.appended(fresh);
  }

  appended(lines) {
    if (!this.following) this.unseen += lines.length;
    if (view.file !== this && view.file !== merged) this.unread += lines.length;
    merged.take(lines);
    view.soon();
  }

  // Bytes that may be UTF-16: whether they are, the beginning of the file tells.
  looksEncoded(bytes) {
    if (this.asked === this.etag || !bytes.includes(0)) return false;
    this.askEncoding();
    return true;
  }

  async askEncoding() {
    const { etag, work } = this;
    this.asked = etag;
    let encoding = UTF8;
    try {
      const answer = await ask(this.url, work.signal, { "Range": "bytes=0-1", "If-Match": etag });
      if (answer.status === 206) encoding = encodingOf(new Uint8Array(await answer.arrayBuffer()));
    } catch { /* asked again with the next file */ }
    if (work !== this.work || this.etag !== etag) return;
    this.encoding = encoding;
    const { following, base } = this;
    this.begin();
    this.forget(base);
    // Events are text that was read as UTF-8.
    if (encoding !== UTF8) this.feed = new Feed(this.feed.directory, true);
    if (following) this.live();
    else this.jump(base);
  }

  // A last line that has not ended will come again, as a whole.
  takeBack() {
    if (!this.open) return;
    this.lines.pop();
    this.bytes -= this.open.bytes;
    this.at = this.open.at;
    this.openEnds();
  }

  // The text of an event, which ends at `end`.
  take(text, end) {
    // It may have been looked at before it ended.
    if (end <= (this.open ? this.open.at : this.at)) return;
    if (text.includes("\0") && this.asked !== this.etag) return void this.askEncoding();
    this.takeBack();
    const line = lineOf(this.of, text, this.at, end - this.at);
    this.at = end;
    this.size = Math.max(this.size, end);
    if (this.partial) {
      this.partial = false;
      this.base = end;
    } else {
      this.add([line], true);
    }
    this.settle();
    if (this.full()) this.following ? this.trimStart() : this.hold();
    view.soon(this);
  }

  // Looks soon for what events do not tell, while the file is in sight; more and more seldom while nothing comes.
  glanceSoon(wait = GLANCE) {
    clearTimeout(Topic.glancing);
    Topic.glancing = setTimeout(async () => {
      if (this !== view.file || !this.attached || this.mood !== "good" || this.feed.topics.length < 2) return;
      const { at } = this;
      try { await this.glance(); } catch { /* the stream knows */ }
      if (this === view.file) this.glanceSoon(this.at > at ? GLANCE : Math.min(wait * 2, this.job ? JOB_GLANCES : GLANCES));
    }, wait);
  }

  // A last line without an end, and a seal.
  async glance() {
    const headers = { "Range": `bytes=${Math.max(0, this.at - 1)}-`, "If-Match": this.etag };
    const { work, at } = this, answer = await ask(this.url, work.signal, headers, { method: "HEAD" });
    const found = /-(\d+)\/(\d+)?/.exec(answer.headers.get("Content-Range"));
    if (work !== this.work) return;
    // An empty file that is sealed has no range.
    if (answer.status === 416 && at === 0 && total(answer) === 0) {
      this.sealedAt = 0;
      return this.settle();
    }
    if (answer.status !== 206) return;
    if (found[2]) this.sealedAt = Number(found[2]);
    if (found[2] && this.at === this.sealedAt) this.settle();
    if (Number(found[1]) < at || Number(found[1]) === Number.MAX_SAFE_INTEGER) return;
    const bytes = await this.range(at, Math.min(Number(found[1]) + 1, at + LONGEST));
    if (bytes && at === this.at && this.attached && !this.partial) this.append(bytes, true);
  }
}

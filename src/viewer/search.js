// --- Searching, filtering ---------------------------------------------------------------------------------------------

const search = {
  needle: null, // the RegExp that is searched for
  literal: false, // it stands for characters that mean themselves
  excluded: null, // lines that match this are not shown
  only: false, // only lines that match are shown
  caseful: false,
  wrong: "", // why what was typed means nothing
  version: 1, // of all of these
  work: null, // a search in the file is on its way
  progress: "",
  left: null, // where the last one stopped

  // Takes what was typed.
  read() {
    this.stop();
    this.wrong = this.progress = "";
    this.left = null;
    this.needle = this.pattern($("search"));
    this.excluded = this.pattern($("exclude"));
    this.literal = !/^\/.+\/$/.test($("search").value);
    this.version++;
    view.current = null;
    view.redraw();
  },

  // Text, or a regular expression between slashes.
  pattern(input) {
    const text = input.value, regex = /^\/(.+)\/$/.exec(text);
    let pattern = null;
    input.removeAttribute("aria-invalid");
    try {
      const source = regex ? regex[1] : text.replace(/[\\^$.*+?()[\]{}|\/]/g, "\\$&");
      pattern = text ? new RegExp(source, this.caseful ? "g" : "gi") : null;
    } catch (error) {
      input.setAttribute("aria-invalid", "true");
      this.wrong = `Not a valid regular expression: ${error.message.split(": ").at(-1)}`;
    }
    return pattern;
  },

  // Looks at a line once for each version.
  judge(line) {
    if (line.version === this.version) return;
    const { text } = view.content(line);
    line.version = this.version;
    line.match = !line.kind && found(this.needle, text);
    line.out = !line.kind && found(this.excluded, text);
  },

  matches(line) {
    this.judge(line);
    return line.match && !line.out;
  },

  shows(line) {
    this.judge(line);
    return line.kind ? true : !line.out && (!this.only || !this.needle || line.match);
  },

  // The lines of a file that are shown.
  filter(lines) {
    return this.excluded || (this.only && this.needle) ? lines.filter(line => this.shows(line)) : lines;
  },

  // What is said beside the field.
  summary(file) {
    if (this.wrong || this.progress) return this.wrong || this.progress;
    if (!this.needle || !file) return "";
    let count = 0;
    for (const line of file.lines) count += this.matches(line);
    return `${number(count)} ${file.isWhole() ? "found" : "in loaded lines"}`;
  },

  // To the next line that matches, upwards (-1) or downwards (1): in what is held, then in the rest of the file.
  async find(step) {
    const { file } = view;
    if (!file || !this.needle || this.work) return;
    this.progress = "";
    view.pause();
    const line = this.held(file, step);
    if (line) return view.goTo(file, line);
    const ahead = file instanceof Topic && (step < 0 ? file.hasOlder() : !file.attached);
    if (ahead) return this.scan(file, step);
    this.progress = file instanceof Topic ? `no more ${step < 0 ? "above" : "below"}` : "no more in loaded lines";
    view.soon();
  },

  held({ lines, anchor }, step) {
    const current = lines.indexOf(view.current);
    let index = current >= 0 ? current + step : step < 0 ? lines.length - 1 : Math.max(0, lines.indexOf(anchor?.line));
    for (; index >= 0 && index < lines.length; index += step) if (this.matches(lines[index])) return lines[index];
    return null;
  },

  // Range after range of the file, of which nothing is kept. It can be stopped, and goes on from there.
  async scan(file, step) {
    const work = this.work = new AbortController(), tag = file.etag;
    const edge = step < 0 ? file.base : file.open ? file.open.at : file.at;
    const { left } = this, goesOn = left?.file === file && left.tag === tag && left.step === step && left.edge === edge;
    let at = goesOn ? left.at : edge, end = file.size, hit = null;
    const where = () => `${Math.floor(at / Math.max(1, end) * 100)} % (${amount(at)} of ${amount(end)})`;
    try {
      while (!hit && (step < 0 ? at > 0 : at < end)) {
        this.tell(`searching ${step < 0 ? "up" : "down"}, at ${where()}`);
        const first = step < 0 ? Math.max(0, at - SCAN) : at, last = step < 0 ? at : at + SCAN;
        const { bytes, size } = await file.fetch(first, last, work.signal, tag);
        if (!bytes) throw new Error("another file has the name now");
        end = size || end;
        [hit, at] = step < 0 ? this.lastIn(bytes, first, file) : this.firstIn(bytes, first, file, first + bytes.length >= end);
      }
      this.tell(hit ? "" : `no more ${step < 0 ? "above" : "below"}: searched to the ${step < 0 ? "start" : "end"}`);
    } catch (error) {
      this.left = { file, tag, step, edge, at };
      this.tell(work.signal.aborted ? `stopped at ${where()}, Enter continues` : error.message);
    }
    if (this.work === work) this.work = null;
    view.soon();
    if (!hit || view.file !== file || file.etag !== tag) return;
    const line = await file.jump(hit.at, -Math.floor(log.clientHeight / 3));
    if (line) view.goTo(file, line);
  },

  // The first line in a range that matches, and where the next range begins.
  firstIn(bytes, first, file, isEnd) {
    const feed = bytes.lastIndexOf(10) + 1;
    if (!isEnd && feed && this.cannotBeIn(bytes.subarray(0, feed), file)) return [null, first + feed];
    const { lines, used } = cut(bytes, first, file.of);
    const all = isEnd ? allLines(bytes, first, file.of) : lines;
    return [all.find(line => this.matches(line)), first + (isEnd ? bytes.length : used)];
  },

  // The last line in a range that matches, and where the range before it ends.
  lastIn(bytes, first, file) {
    const feed = first ? file.encoding.feed(bytes, 0, first) : -1;
    let start = feed < 0 ? 0 : feed + file.encoding.width;
    if (start === bytes.length) start = 0;
    const whole = bytes.subarray(start), next = first + start;
    if (this.cannotBeIn(whole, file)) return [null, next];
    return [allLines(whole, next, file.of).findLast(line => this.matches(line)), next];
  },

  // Text that means itself, and is in none of these lines, is not looked for in each of them.
  cannotBeIn(bytes, file) {
    if (!this.literal || view.fields || file.encoding !== UTF8) return false;
    const text = UTF8.decode(bytes);
    return !/[\x1b\x08\u202a-\u202e\u2066-\u2069]|\r(?!\n)/.test(text) && !found(this.needle, text);
  },

  tell(text) {
    this.progress = text;
    view.status();
  },

  stop() {
    this.work?.abort(new Error("stopped"));
  },
};

function found(pattern, text) {
  if (!pattern) return false;
  pattern.lastIndex = 0;
  return pattern.test(text);
}

// Bytes, for people.
function amount(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  for (; bytes >= 1000 && unit < 4; unit++) bytes /= 1000;
  return `${unit && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
}

// --- To a time --------------------------------------------------------------------------------------------------------

// The first line that is not earlier than this, as an offset. Undefined: there are no times; null: all are earlier.
async function offsetOfTime(file, time, signal) {
  let low = 0, high = file.size, best = null, last;
  const later = line => timeOf(line.text) >= time;
  while (high - low > PROBE) {
    const middle = low + Math.floor((high - low) / 4) * 2; // even, as UTF-16 wants it
    search.tell(`looking at ${amount(middle)} of ${amount(file.size)}`);
    last = await firstTimed(file, middle, high, signal);
    if (last && !later(last)) low = last.at;
    else [best, high] = [last ?? best, middle];
  }
  search.tell("");
  const { bytes } = await file.fetch(low, high + PROBE, signal);
  const lines = allLines(bytes ?? new Uint8Array(), low, file.of);
  const hit = lines.find(later) ?? best;
  if (hit) return hit.at;
  return last || lines.some(line => timeOf(line.text)) ? null : undefined;
}

// The first line with a time that begins behind this offset, if one is near.
async function firstTimed(file, offset, end, signal) {
  for (let probe = 0; probe < 8 && offset < end; probe++) {
    const { bytes } = await file.fetch(offset, offset + PROBE, signal);
    if (!bytes) return null;
    const feed = file.encoding.feed(bytes, 0, offset), start = feed < 0 ? bytes.length : feed + file.encoding.width;
    const line = cut(bytes.subarray(start), offset + start, file.of).lines.find(line => timeOf(line.text));
    if (line) return line.at < end ? line : null;
    offset += PROBE;
  }
  return null;
}

// --- Lines that are selected: a link to them, copying, saving ---------------------------------------------------------

const selection = {
  first: null,
  last: null,

  has(line) {
    const { first, last } = this;
    return first !== null && line.source === first.source && line.file >= first.file && line.file <= last.file &&
      line.source.isFrom(line, first) && line.source.isFrom(last, line) && !line.kind;
  },

  // One line, or all from the one that was picked before.
  pick(line, extends_) {
    if (line.kind) return;
    const other = this.picked;
    if (!extends_ || other?.source !== line.source) {
      // Picked once more it is let go.
      const same = this.first === line && this.last === line;
      this.first = this.last = this.picked = same ? null : line;
    } else {
      [this.first, this.last] = line.source.isFrom(line, other) ? [other, line] : [line, other];
    }
    this.changed();
  },

  clear() {
    this.first = this.last = this.picked = null;
    this.changed();
  },

  changed() {
    $("selected").hidden = !this.first;
    const count = this.first ? this.lines().length : 0;
    $("selected-count").textContent = count === 1 ? "1 line" : `${number(count)} lines`;
    keep();
    view.redraw();
  },

  // Those that are held.
  lines() {
    return this.first ? this.first.source.lines.filter(line => this.has(line)) : [];
  },

  // The bytes of the file that they are.
  extent() {
    return [this.first.at, this.last.at + this.last.bytes];
  },
};

const permalink = {
  // What the address wants to be shown.
  wanted: /(?:^#|&)line=([0-9a-f]{16})-(\d+)(?:-(\d+))?(?:&|$)/.exec(location.hash),

  // What leads to the selected lines: which file it is, whatever its name is then, and where in it.
  fragment() {
    const { first, last } = selection;
    if (!first) return "";
    return `line=${first.tag.slice(3, -1)}-${first.at}${last === first ? "" : "-" + last.at}`;
  },

  // A file was found; the first one may have the line.
  found(file) {
    if (!this.wanted || file !== view.files[0]) return;
    const [, tag, first, last] = this.wanted;
    if (file.etag !== `W/"${tag}"`) return void this.earlier(file, tag);
    this.wanted = null;
    this.show(file, Number(first), Number(last ?? first));
  },

  async show(file, first, last) {
    await null; // the stream that has found the file is given up
    const line = await file.jump(first, -Math.floor(log.clientHeight / 3));
    if (!line) return file.end();
    selection.first = selection.picked = line;
    selection.last = file.lines.findLast(other => other.at <= last && !other.kind) ?? line;
    view.goTo(file, line);
    selection.changed();
  },

  // The name has passed to another file: the line may be in one that the server still has.
  async earlier(file, tag) {
    const url = `${file.url}?generation=${tag}`, { wanted } = this;
    this.wanted = null;
    const answer = await ask(url, file.work.signal, {}, { method: "HEAD" }).catch(() => null);
    if (answer?.headers.get("ETag") !== `W/"${tag}"`) {
      return file.notice("bad", "The line of this link was in an earlier file, which the server no longer has.");
    }
    add(url);
    const earlier = view.files.pop();
    view.files.unshift(earlier);
    $("tabs").prepend(tabWith(earlier));
    this.wanted = wanted;
    if (view.files[0].etag) this.found(view.files[0]);
  },
};

// --- To the clipboard, and to the disk --------------------------------------------------------------------------------

// Where a page may not use the clipboard (over plain HTTP, of another machine) there is an older way.
async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  flash(`${what} copied`);
}

function flash(text) {
  search.tell(text);
  setTimeout(() => { if (search.progress === text) search.tell(""); }, 3000);
}

const textOf = lines => lines.filter(line => !line.kind).map(line => line.text + "\n").join("");

function copyLines() {
  const lines = selection.first ? selection.lines() : view.shown.filter(line => !line.kind);
  return copy(textOf(lines), `${number(lines.length)} line${lines.length === 1 ? "" : "s"}`);
}

function save(url, name) {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}

function saveBlob(parts, name) {
  const url = URL.createObjectURL(new Blob(parts));
  save(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

// The bytes of the selected lines as they are in the file, if it is still there; else their text.
async function saveSelected() {
  const { source, tag } = selection.first, [first, end] = selection.extent();
  if (end - first > SAVED) return flash(`that is more than ${amount(SAVED)}: save the whole file`);
  const { bytes } = await source.fetch(first, end, AbortSignal.timeout(PATIENCE), tag);
  saveBlob([bytes ?? textOf(selection.lines())], `${source.leaf}.${first}-${end}`);
}

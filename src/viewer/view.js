// --- The view of one of the files, or of all --------------------------------------------------------------------------

const view = {
  files: [],
  file: null,
  drawing: 1, // counts what makes all lines look different
  current: null, // the line that was found last
  fields: false, // lines of JSON are shown as fields
  shown: [],
  drawn: new Map(), // line -> its element
  planned: false,

  soon(file) {
    if (this.planned || (file && file !== this.file)) return;
    this.planned = true;
    // Without frames while the page is hidden: nothing piles up, there is nothing to draw.
    requestAnimationFrame(() => { this.planned = false; this.draw(); });
  },

  redraw() {
    this.drawing++;
    this.soon();
  },

  // What is shown of a line: { text, spans }.
  content(line) {
    if (!this.fields || line.kind) return line;
    return line.fields ??= fieldsOf(line.text) ?? line;
  },

  height(line) {
    return line.wide === this.width ? line.height : ROW * Math.max(1, Math.ceil(line.text.length / this.columns));
  },

  draw() {
    const file = this.file;
    this.status();
    if (!file) return rows.replaceChildren();
    // With the name of its file in front a line is another one.
    this.width = this.wrap ? log.clientWidth + (file === merged ? 0.5 : 0) : 0;
    this.columns = this.wrap ? Math.max(10, Math.floor((log.clientWidth - 30) / 7.6)) : Infinity;
    const shown = this.shown = search.filter(file.lines), box = log.clientHeight;
    const { first, last, top, delta } = this.extent(file, shown, box);
    this.place(shown.slice(first, last));
    if (this.wrap) this.measure();
    const sum = (from, to) => {
      let height = 0;
      for (let i = from; i < to; i++) height += this.height(shown[i]);
      return height;
    };
    const before = sum(0, first);
    $("before").style.height = before + "px";
    $("after").style.height = sum(last, shown.length) + "px";
    const position = file.following ? log.scrollHeight - box : Math.max(0, before + sum(first, top) + delta);
    if (Math.abs(log.scrollTop - position) >= 1) log.scrollTop = position;
    this.scrolled = log.scrollTop;
    if (this.reveal) this.scrollToMark();
    this.size = log.clientWidth + "x" + log.clientHeight;
    if (log.clientHeight !== box) this.soon(); // a scroll bar has come or gone
    if (file !== merged) this.fetch(top, last);
  },

  // Which lines are in sight or near it: [first, last); `top` is the first in sight, `delta` of it is above the edge.
  extent(file, shown, box) {
    let first = shown.length, delta = 0;
    if (file.following) {
      for (let sum = 0; first > 0 && sum < box;) sum += this.height(shown[--first]);
    } else {
      // The anchor, or the line that took its place.
      const anchor = file.anchor?.line, exact = shown.indexOf(anchor);
      first = exact >= 0 || !anchor ? Math.max(0, exact) : shown.findIndex(line => file.isFrom(line, anchor));
      if (first < 0) first = Math.max(0, shown.length - 1);
      if (exact >= 0) delta = file.anchor.delta;
    }
    while (delta < 0 && first > 0) delta += this.height(shown[--first]);
    let last = first, sum = -delta;
    while (last < shown.length && (sum < box + 200 || file.following)) sum += this.height(shown[last++]);
    if (sum < box && first > 0) { // there is nothing below the end
      while (sum < box && first > 0) sum += this.height(shown[--first]);
      delta = Math.max(0, sum - box);
    }
    return { first: Math.max(0, first - 15), last, top: first, delta };
  },

  scrollToMark() {
    const mark = this.drawn.get(this.current)?.querySelector("mark");
    if (mark && (mark.offsetLeft < log.scrollLeft || mark.offsetLeft > log.scrollLeft + log.clientWidth - 60)) {
      log.scrollLeft = mark.offsetLeft - log.clientWidth / 2;
    }
    this.reveal = false;
  },

  // Has these lines in the document; those that were there already stay, with whatever is selected in them.
  place(lines) {
    const drawn = new Map();
    let next = rows.firstChild;
    for (const line of lines) {
      let element = this.drawn.get(line);
      if (!element || element.drawing !== this.drawing || line.drawn === 0 || element.current !== (line === this.current)) {
        const fresh = this.element(line);
        if (element === next) next = next?.nextSibling ?? null;
        element?.remove();
        element = fresh;
      }
      drawn.set(line, element);
      this.drawn.delete(line);
      if (element === next) next = next.nextSibling;
      else rows.insertBefore(element, next);
    }
    for (const element of this.drawn.values()) element.remove();
    this.drawn = drawn;
  },

  // Text only, whatever the file contains.
  element(line) {
    const element = document.createElement("div"), content = this.content(line);
    element.line = line;
    element.drawing = this.drawing;
    element.current = line === this.current;
    line.drawn = 1;
    const level = line.kind || !this.levels ? "" : line.level ??= levelOf(line.text);
    element.className = [line.kind, level, element.current && "current", selection.has(line) && "selected"].filter(Boolean).join(" ");
    if (this.file === merged) element.append(sourceLabel(line.source));
    const matches = search.needle && search.matches(line) ? matchesIn(content.text) : [];
    if (matches.length || content.spans) draw(element, content, matches);
    else element.append(content.text);
    return element;
  },

  measure() {
    for (const [line, element] of this.drawn) {
      const height = element.offsetHeight;
      if (height !== this.height(line)) this.soon(); // drawn by a wrong guess
      line.height = height;
      line.wide = this.width;
    }
  },

  // More lines where the view comes near an edge of the window.
  fetch(top, last) {
    const { file, shown } = this, filtered = shown !== file.lines;
    const room = file.lines.length < LINES * 0.8 && file.bytes < BYTES * 0.8;
    if (top < 60 && file.hasOlder() && (room || (!file.following && !filtered))) file.older();
    if (last > shown.length - 60 && !file.attached && file.etag && !file.following && (room || !filtered)) file.newer();
  },

  // Somebody has scrolled.
  moved() {
    const file = this.file;
    if (!file || Math.abs(log.scrollTop - this.scrolled) < 1) return;
    // Not somebody, but another size of the window.
    if (this.size !== log.clientWidth + "x" + log.clientHeight) return this.soon();
    const up = log.scrollTop < this.scrolled;
    this.scrolled = log.scrollTop;
    const bottom = log.scrollHeight - log.clientHeight - log.scrollTop < 2;
    if (bottom && file.attached && !up) {
      if (!file.following) file.end();
    } else {
      file.following = false;
      this.anchorAt(log.scrollTop);
    }
    this.soon();
  },

  anchorAt(position) {
    let i = 0, sum = 0;
    for (; i < this.shown.length - 1; i++) {
      const height = this.height(this.shown[i]);
      if (sum + height > position) break;
      sum += height;
    }
    this.file.anchor = this.shown.length ? { line: this.shown[i], delta: position - sum } : null;
  },

  pause() {
    if (this.file.following) this.anchorAt(log.scrollTop);
    this.file.following = false;
  },

  // Shows a line of a file, which is held, as the current one.
  goTo(file, line) {
    this.current = line;
    this.reveal = true;
    file.following = false;
    file.anchor = { line, delta: -Math.floor(log.clientHeight / 3) };
    this.soon();
  },

  status() {
    const { file } = this, set = (id, text) => { if ($(id).textContent !== text) $(id).textContent = text; };
    for (const tab of $("tabs").children) tab.refresh();
    const said = search.summary(file);
    set("count", said);
    $("count").classList.toggle("bad", Boolean(search.wrong));
    $("stop").hidden = !search.work;
    const title = file?.name ?? "no file";
    document.title = file ? `${file.mood === "good" ? "" : "(" + file.text.split(",")[0] + ") "}${title}` : "openrange";
    set("title", title);
    set("state", file ? (file.following || file.mood !== "good" ? file.text : file.text + ", paused") : "no file");
    $("state").className = file?.look ?? file?.mood ?? "";
    set("follow", file?.following ? "Pause" : "Follow");
    const at = !file || file.following ? file?.at : (file.anchor?.line.at ?? file.base);
    set("where", !file?.etag ? "" : `${number(at)} of ${number(Math.max(file.size, file.at))} bytes`);
    set("held", `${number(file?.lines.length ?? 0)} lines held`);
    $("new").hidden = !file || file.following || !(file.unseen || !file.attached);
    set("new", file?.unseen ? `${number(file.unseen)} new \u2193` : "To the end \u2193");
    if (file?.url) $("raw").href = file.url;
    $("raw").hidden = !file?.url;
  },
};

// Which file a line of the merged view is of.
function sourceLabel(source) {
  const label = document.createElement("span");
  label.className = "source";
  label.textContent = source.label;
  label.title = source.name;
  label.style.color = hueOf(source.hue);
  return label;
}

// Where a text matches; so many marks are enough for one line.
function matchesIn(text) {
  const matches = [], { needle } = search;
  needle.lastIndex = 0;
  for (let match; matches.length < 200 && (match = needle.exec(text));) {
    if (match[0]) matches.push({ start: match.index, end: needle.lastIndex });
    else needle.lastIndex++;
  }
  return matches;
}

// Text with styles and marks, of which each may begin within the other.
function draw(element, { text, spans }, matches) {
  const edges = [0, text.length, ...matches.flatMap(({ start, end }) => [start, end])];
  for (const { start, end } of spans ?? []) edges.push(start, end);
  edges.sort((a, b) => a - b);
  let span = 0, match = 0;
  for (let i = 0; i + 1 < edges.length; i++) {
    const [from, to] = [edges[i], edges[i + 1]];
    if (from === to) continue;
    while (spans?.[span]?.end <= from) span++;
    while (matches[match]?.end <= from) match++;
    const style = spans?.[span]?.start <= from && spans[span].style, marked = matches[match]?.start <= from;
    if (!style && !marked) {
      element.append(text.slice(from, to));
      continue;
    }
    const piece = document.createElement(marked ? "mark" : "span");
    piece.textContent = text.slice(from, to);
    if (style && !marked) paint(piece, style);
    element.append(piece);
  }
}

// --- Text as a terminal shows it --------------------------------------------------------------------------------------

// Characters that reorder the text around them: with them a line can look like another one.
const REORDERING = /[\u202a-\u202e\u2066-\u2069]/g;
// Whatever needs more than to be shown as it is: control characters other than a tab.
const SPECIAL = /[\x00-\x08\x0a-\x1f\x7f-\x9f]/;
// Pieces of a line: a control sequence (CSI), an operating system command (OSC, among them links), another string,
// another escape, one control character, or text. A string that is not ended reaches to the end of the line.
const PIECES = new RegExp([
  "(?:\\x1b\\[|\\x9b)([0-?]*)[ -/]*([@-~])",
  "(?:\\x1b\\]|\\x9d)[^\\x07\\x1b]*(?:\\x07|\\x1b\\\\|(?=\\x1b)|$)",
  "\\x1b[PX^_][^\\x1b]*(?:\\x1b\\\\|$)",
  "\\x1b[ -/]*[0-~]?",
  "[\\x00-\\x08\\x0a-\\x1f\\x7f-\\x9f]",
  "[^\\x00-\\x08\\x0a-\\x1f\\x7f-\\x9f]+",
].join("|"), "g");

const visible = text => text.replace(REORDERING, c => `[U+${c.codePointAt(0).toString(16).toUpperCase()}]`);

// What a line shows: its text, and the parts of it that have a style.
function shownAs(raw) {
  if (raw.endsWith("\r")) raw = raw.slice(0, -1);
  const text = visible(raw);
  return SPECIAL.test(text) ? new TerminalLine().write(text).result() : { text, spans: null };
}

// One line of a terminal: what is written later stands in the place of what was there, as in a progress bar.
class TerminalLine {
  cells = [];
  styles = [];
  cursor = 0;
  style = null;

  write(text) {
    for (const [piece, parameters, final] of text.matchAll(PIECES)) {
      if (final) this.control(final, parameters);
      else if (!SPECIAL.test(piece)) this.put(piece);
      else if (piece.length === 1) this.character(piece);
    }
    return this;
  }

  put(text) {
    for (const character of text) {
      this.cells[this.cursor] = character;
      this.styles[this.cursor++] = this.style;
    }
  }

  // Without a meaning in a line they are shown by their pictures; a bell rings and leaves no mark.
  character(control) {
    const code = control.charCodeAt(0);
    if (code === 13) this.cursor = 0;
    else if (code === 8) this.cursor = Math.max(0, this.cursor - 1);
    else if (code < 32 && code !== 7 && code !== 27) this.put(String.fromCharCode(0x2400 + code));
    else if (code === 127) this.put("\u2421");
  }

  control(final, parameters) {
    const count = Number(parameters) || 0;
    const to = place => { this.cursor = Math.max(0, Math.min(place, LONGEST)); };
    if (final === "m") this.style = styled(this.style, parameters);
    else if (final === "K" || final === "J") this.erase(count);
    else if (final === "G") to(count - 1);
    else if (final === "H") to(0);
    else if (final === "C") to(this.cursor + Math.max(1, count));
    else if (final === "D") to(this.cursor - Math.max(1, count));
  }

  // From the cursor on (0), up to it (1), or all (2); what comes then begins the line.
  erase(part) {
    if (part === 1) this.cells.fill(" ", 0, this.cursor);
    else {
      if (part) this.cursor = 0;
      this.cells.length = this.styles.length = Math.min(this.cells.length, this.cursor);
    }
  }

  result() {
    let text = "", spans = null;
    for (let i = 0; i < this.cells.length; i++) {
      const style = this.styles[i], start = text.length;
      text += this.cells[i] ?? " ";
      if (!style) continue;
      const last = spans?.at(-1);
      if (last?.style === style && last.end === start) last.end = text.length;
      else (spans ??= []).push({ start, end: text.length, style });
    }
    return { text, spans };
  }
}

// --- Colours (SGR, ECMA-48 section 8.3.117) ---------------------------------------------------------------------------

const SIXTEEN = ["000000", "cd3131", "0dbc79", "b5a500", "2472c8", "bc3fbc", "11a8cd", "c5c5c5",
  "666666", "f14c4c", "23d18b", "e5e510", "3b8eea", "d670d6", "29b8db", "ffffff"];
const SWITCHES = {
  1: { bold: true }, 2: { dim: true }, 3: { italic: true }, 4: { under: true }, 7: { inverse: true }, 9: { strike: true },
  21: { under: true }, 22: { bold: false, dim: false }, 23: { italic: false }, 24: { under: false }, 27: { inverse: false },
  29: { strike: false }, 39: { fore: null }, 49: { back: null },
};

// The red, green and blue of one of 256 colours.
function indexed(n) {
  if (n < 16) return [0, 2, 4].map(i => parseInt(SIXTEEN[n].slice(i, i + 2), 16));
  if (n > 231) return Array(3).fill(8 + 10 * (n - 232));
  return [36, 6, 1].map(step => Math.floor((n - 16) / step) % 6).map(level => level && 55 + 40 * level);
}

// Takes the numbers behind a 38 or 48 from their list.
function colour(numbers) {
  const way = numbers.shift();
  if (way === 5) return indexed(Math.min(255, numbers.shift() ?? 0));
  return way === 2 ? numbers.splice(0, 3).map(n => Math.min(255, n)) : null;
}

// A style with these parameters on top. Null: none.
function styled(before, parameters) {
  let style = { ...before };
  const groups = parameters.split(";").map(group => group.split(":").map(Number));
  while (groups.length) {
    const [code, ...rest] = groups.shift();
    if (code === 38 || code === 48) {
      // With colons the numbers are one group, in which a colour space may come before red.
      const numbers = rest.length > 4 ? [2, ...rest.slice(-3)] : rest.length ? rest : groups.flat();
      const had = numbers.length, found = colour(numbers);
      if (!rest.length) groups.splice(0, had - numbers.length);
      style[code === 38 ? "fore" : "back"] = found;
    } else if (code === 0) style = {};
    else if (code === 4 && rest[0] === 0) style.under = false;
    else if (code >= 30 && code <= 37) style.fore = indexed(code - 30);
    else if (code >= 40 && code <= 47) style.back = indexed(code - 40);
    else if (code >= 90 && code <= 97) style.fore = indexed(code - 82);
    else if (code >= 100 && code <= 107) style.back = indexed(code - 92);
    else Object.assign(style, SWITCHES[code]);
  }
  return Object.values(style).some(Boolean) ? style : null;
}

// Relative luminance, and contrast (WCAG 2.2).
function luminance(rgb) {
  const [r, g, b] = rgb.map(n => n / 255).map(n => n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
const contrast = (a, b) => {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
};

// On the page's own ground a colour keeps its hue, and is made light or dark enough to be read.
const readable = rgb => `light-dark(oklch(from rgb(${rgb}) min(l, .47) c h), oklch(from rgb(${rgb}) max(l, .75) c h))`;

function paint(element, { fore, back, bold, dim, italic, under, strike, inverse }) {
  const { style } = element;
  if (inverse) [fore, back] = [back, fore];
  if (back) {
    style.background = `rgb(${back})`;
    style.color = fore && contrast(fore, back) >= 4.5 ? `rgb(${fore})` : luminance(back) > 0.18 ? "#000" : "#fff";
  } else if (inverse) {
    style.background = "var(--text)";
    style.color = "var(--back)";
  } else if (fore) style.color = readable(fore);
  else if (dim) style.color = "var(--dim)";
  if (bold) style.fontWeight = 700;
  if (italic) style.fontStyle = "italic";
  if (under || strike) style.textDecoration = `${under ? "underline" : ""} ${strike ? "line-through" : ""}`;
}

// --- Levels and fields ------------------------------------------------------------------------------------------------

// Words in capitals, and others where they stand like a level: [warn], level=error, "severity":"debug", Error: ...
const LEVELS = Object.entries({
  error: "fatal|panic|emerg(?:ency)?|alert|crit(?:ical)?|severe|err(?:or)?",
  warn: "warn(?:ing)?",
  info: "info|notice",
  debug: "debug|trace|verbose",
}).map(([level, words]) => [level, [
  new RegExp(`(?<![\\w./-])(?:${words.toUpperCase()})(?![\\w-])`),
  new RegExp(`(?:\\b(?:level|lvl|severity)"?\\s*[=:]\\s*"?|[[<])(?:${words})\\b|(?<![\\w.])(?:${words}):`, "i"),
]]);
const LETTERS = { E: "error", F: "error", W: "warn", I: "info", D: "debug" };

// The level that a line names first.
function levelOf(text) {
  const head = text.slice(0, 300);
  const letter = /^([EFWID])\d{4} \d\d:/.exec(head), digits = /"level":\s*(\d\d)\b/.exec(head)?.[1];
  if (letter) return LETTERS[letter[1]];
  if (digits) return digits >= 50 ? "error" : digits >= 40 ? "warn" : digits >= 30 ? "info" : "debug";
  let first = Infinity, found = "";
  for (const [level, ways] of LEVELS) {
    for (const way of ways) {
      const at = head.search(way);
      if (at >= 0 && at < first) [first, found] = [at, level];
    }
  }
  return found;
}

const FIRST = [["time", "ts", "timestamp", "@timestamp", "t"], ["level", "lvl", "severity", "log.level"],
  ["msg", "message", "event"]];
const KEY = { dim: true };

// Numbers that JavaScript would round are kept as they are written.
const exact = (_, value, context) =>
  typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value) ? context?.source ?? value : value;

// A line of JSON as time, level, message and what else it has. Null: it is none.
function fieldsOf(text) {
  if (!/^\s*\{.*\}\s*$/.test(text)) return null;
  let object;
  try { object = JSON.parse(text, exact); } catch { return null; }
  const said = value => typeof value === "string" && /^[^\s"={}\x00-\x1f\x7f-\x9f]+$/.test(value) ? value : JSON.stringify(value);
  const plain = value => typeof value === "string" ? shownAs(value.replace(/\r?\n/g, " \u23ce ")).text : said(value);
  const spans = [];
  let shown = "";
  for (const names of FIRST) {
    const name = names.find(name => Object.hasOwn(object, name));
    if (name === undefined) continue;
    shown += `${plain(object[name])} `;
    delete object[name];
  }
  for (const [name, value] of Object.entries(object)) {
    const start = shown.length + 1;
    shown += ` ${plain(name)}=`;
    spans.push({ start, end: shown.length, style: KEY });
    shown += visible(said(value));
  }
  return { text: shown.trimEnd(), spans };
}

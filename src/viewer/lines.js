// --- Bytes of a file to lines -----------------------------------------------------------------------------------------

// How bytes become text. In UTF-16 a line feed has two bytes, at an even offset.
class Encoding {
  constructor(name, width) {
    this.decoder = new TextDecoder(name);
    this.width = width;
    this.low = name === "utf-16be" ? 1 : 0; // which of two bytes has the 10
  }

  decode(bytes) {
    return this.decoder.decode(bytes);
  }

  // The index where a line feed begins, or -1. `at`: the offset of the bytes in the file.
  feed(bytes, start, at) {
    let i = bytes.indexOf(10, start);
    if (this.width === 1) return i;
    for (; i >= 0; i = bytes.indexOf(10, i + 1)) {
      if ((at + i) % 2 === this.low && bytes[this.low ? i - 1 : i + 1] === 0) return i - this.low;
    }
    return -1;
  }
}

const UTF8 = new Encoding("utf-8", 1);

// What the mark at the beginning of a file tells.
function encodingOf([first, second]) {
  if (first === 0xff && second === 0xfe) return new Encoding("utf-16le", 2);
  return first === 0xfe && second === 0xff ? new Encoding("utf-16be", 2) : UTF8;
}

// A line of a file; `of` says of which: { source, tag, file, encoding }.
function lineOf(of, raw, at, bytes) {
  return { at, bytes, ...shownAs(raw), file: of.file, source: of.source, tag: of.tag, kind: "" };
}

// Cuts bytes into lines. Gives the complete ones, and where the rest begins.
function cut(bytes, from, of) {
  const { encoding } = of, lines = [];
  let start = 0, feed = encoding.feed(bytes, 0, from);
  while (feed >= 0 || bytes.length - start > LONGEST) {
    let end = feed < 0 ? bytes.length : feed, next = end + encoding.width;
    if (end - start > LONGEST) {
      next = end = pieceEnd(bytes, start);
      // A progress bar that never ends its line: what it has overwritten is not shown.
      const last = encoding === UTF8 ? bytes.subarray(start, end).lastIndexOf(13) : -1;
      if (last > 0) {
        start += last;
        continue;
      }
    }
    lines.push(lineOf(of, encoding.decode(bytes.subarray(start, end)), from + start, next - start));
    start = next;
    if (start > feed && feed >= 0) feed = encoding.feed(bytes, start, from);
  }
  return { lines, used: start };
}

// Where a line that is too long is cut: not within a character.
function pieceEnd(bytes, start) {
  const longest = start + LONGEST;
  let end = longest;
  while (end > longest - 4 && (bytes[end] & 0xc0) === 0x80) end--;
  return end;
}

// All lines of bytes, also a last one without an end.
function allLines(bytes, from, of) {
  const { lines, used } = cut(bytes, from, of);
  if (used < bytes.length) {
    lines.push(lineOf(of, of.encoding.decode(bytes.subarray(used)), from + used, bytes.length - used));
  }
  return lines;
}

// --- Several files in one view ----------------------------------------------------------------------------------------

// The lines of all files, in order of arrival. What was there before the page came is in order of its times.
const merged = {
  label: "All",
  name: "all files",
  lines: [],
  following: true,
  anchor: null,
  unseen: 0,
  attached: true,

  // Lines that have just come.
  take(lines) {
    for (const line of lines) this.lines.push(line);
    // While somebody reads here, more stay.
    const most = this.following || view.file !== this ? LINES : 2 * LINES;
    if (this.lines.length > most) this.lines.splice(0, this.lines.length - 0.9 * most);
    if (!this.following && view.file === this) this.unseen += lines.length;
    if (view.file === this) view.soon();
  },

  // All that the files hold now. A file that somebody has read back in goes on at its end.
  gather() {
    for (const file of view.files) if (!file.attached) file.end();
    const old = [], live = new Set(this.lines.filter(line => view.files.includes(line.source)));
    for (const file of view.files) {
      let time = -Infinity;
      for (const line of file.lines) {
        if (line.live || line.kind || line === file.open) continue;
        time = timeOf(line.text) || time;
        old.push([time, line]);
      }
    }
    old.sort(([a], [b]) => a - b || 0);
    this.lines = [...old.map(([, line]) => line), ...[...live].filter(line => line.live)].slice(-LINES);
    for (const [index, file] of view.files.entries()) file.hue = (index * 137 + 250) % 360;
  },

  get mood() {
    const moods = view.files.map(file => file.mood);
    return ["bad", "fair", "good"].find(mood => moods.includes(mood)) ?? "done";
  },

  get text() {
    const live = view.files.filter(file => file.mood === "good").length;
    return `${live} of ${view.files.length} files live`;
  },

  isFrom(line, other) {
    return this.lines.indexOf(line) >= this.lines.indexOf(other);
  },

  end() {
    this.following = true;
    this.unseen = 0;
    view.soon();
  },

  // Nothing is fetched for this view.
  hasOlder: () => false,
  isWhole: () => false,
  glanceSoon() {},
};

// A colour of its own for each file, which can be read on both grounds.
const hueOf = hue => `light-dark(oklch(.47 .13 ${hue}), oklch(.79 .11 ${hue}))`;

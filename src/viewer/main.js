// --- Files ------------------------------------------------------------------------------------------------------------

// The path of an address, which must not begin like the name of another host.
const local = address => {
  const url = new URL(location.origin + address);
  return url.pathname.replace(/^\/+/, "/") + (/^\?generation=[0-9a-f]{16}$/.test(url.search) ? url.search : "");
};

// Why this file cannot be followed besides the others, if so.
function full(url) {
  if (view.files.length >= TABS) return `This page follows ${TABS} files at most. Close one to open another.`;
  const feeds = new Set(view.files.map(file => file.feed));
  if (feeds.size < FEEDS || feeds.has(Feed.of(url))) return "";
  return `These files take all ${FEEDS} connections that the page may use: one for each directory, more where names are long. Close some files to open others.`;
}

function add(address) {
  const url = local(address);
  const known = view.files.find(file => file.url === url || (file.name === visible(nameOf(url))));
  if (known) return show(known);
  if (full(url)) return list(new URL("./", new URL(url, location)).pathname);
  const file = new Topic(url);
  view.files.push(file);
  $("tabs").append(tabOf(file));
  showMerged();
  keep();
  show(file);
}

function tabOf(file) {
  const tab = document.createElement("button"), name = document.createElement("span"), close = document.createElement("span");
  tab.file = file;
  tab.setAttribute("role", "tab");
  tab.setAttribute("aria-controls", "log");
  name.className = "name";
  close.className = "close";
  close.textContent = "\u00d7";
  close.title = "Close (x)";
  close.setAttribute("aria-hidden", "true");
  tab.append(name);
  if (file !== merged) tab.append(close);
  tab.onclick = event => event.target === close ? shut(file) : show(file);
  tab.onauxclick = event => event.button === 1 && file !== merged && shut(file);
  tab.refresh = () => {
    const on = file === view.file, unread = file.unread && !on;
    tab.className = `${file === merged ? "all" : "tab"} ${file.look ?? file.mood} ${on ? "on" : ""} ${unread ? "unread" : ""}`;
    tab.setAttribute("aria-selected", on);
    tab.tabIndex = on ? 0 : -1;
    tab.title = `${file.name}: ${file.text}${unread ? `, ${number(file.unread)} unread` : ""}`;
    tab.style.borderBottomColor = view.file === merged && file !== merged ? hueOf(file.hue) : "";
  };
  return tab;
}

const tabWith = file => [...$("tabs").children].find(tab => tab.file === file);

// With two files there is a view of all.
function showMerged() {
  const tab = tabWith(merged), wanted = view.files.length > 1;
  if (wanted && !tab) $("tabs").append(tabOf(merged));
  else if (wanted) $("tabs").append(tab);
  else tab?.remove();
}

function show(file) {
  view.file = file;
  if (file === merged) {
    merged.gather();
    for (const file of view.files) file.unread = 0;
  } else if (file) {
    file.unread = 0;
    file.glanceSoon();
  }
  view.current = null;
  view.scrolled = log.scrollTop;
  log.scrollLeft = 0;
  view.redraw();
  reveal(file);
}

function reveal(file) {
  tabWith(file)?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function shut(file) {
  file.close();
  if (selection.first?.source === file) selection.clear();
  view.files = view.files.filter(other => other !== file);
  tabWith(file).remove();
  showMerged();
  keep();
  const stays = view.file !== file && (view.file !== merged || view.files.length > 1);
  show(stays ? view.file : view.files[0] ?? null);
  if (!view.files.length) list(new URL("./", location).pathname);
  else log.focus();
}

// The other files, and the selected lines, are kept in the address. Tabs of the same name tell of their directories.
function keep() {
  for (const tab of $("tabs").children) {
    const { name, label } = tab.file, alone = view.files.filter(file => file.label === label).length < 2;
    tab.firstChild.textContent = alone ? label : name.split("/").slice(-2).join("/");
  }
  const own = selection.first?.source.url.split("?")[0] ?? local(location.pathname);
  const others = view.files.map(file => file.url).filter(url => url.split("?")[0] !== own);
  const fragment = [permalink.fragment(), ...others].filter(Boolean).join("&");
  history.replaceState(null, "", own + location.search + (fragment && "#" + fragment));
}

// Offers what is in a directory, page by page.
async function list(path, query = "") {
  const dialog = $("list"), entries = $("entries");
  if (!dialog.open) dialog.showModal();
  $("list-name").textContent = visible(nameOf(path));
  if (!query) entries.replaceChildren();
  const say = text => { $("list-note").textContent = text; };
  say("");
  try {
    const answer = await ask(path + query, AbortSignal.timeout(PATIENCE), { "Accept": "application/json" });
    if (!answer.ok) return say(`The server does not list this directory: status ${answer.status}`);
    const { entries: found, next } = await answer.json();
    if (path !== "/" && !query) offer("../", "", () => list(new URL("../", new URL(path, location)).pathname));
    const before = entries.children.length;
    let left = "";
    for (const entry of found) left = offerEntry(path, entry) || left;
    if (next) {
      const more = offer("More entries", "", () => { more.remove(); list(path, next); });
    }
    say(left);
    if (!query) entries.querySelector("button:enabled")?.focus();
    else entries.children[before]?.focus();
    sift();
  } catch (error) {
    say(`The page could not fetch the list: ${error.message}`);
  }
}

function offer(label, extra, act) {
  const button = document.createElement("button"), left = document.createElement("span"), right = document.createElement("span");
  left.textContent = visible(label);
  right.textContent = extra;
  button.append(left, right);
  button.onclick = act;
  $("entries").append(button);
  return button;
}

// Gives why it cannot be opened, if so.
function offerEntry(path, entry) {
  const url = new URL("./" + entry.path, new URL(path, location)).pathname;
  if (entry.kind === "directory") {
    offer(entry.name + "/", "", () => list(url));
    return "";
  }
  const open = view.files.some(file => file.url === url), why = open ? "" : full(url);
  const button = offer(entry.name, open ? "open" : amount(entry.size) + jobSays(entry.job), () => { $("list").close(); add(url); });
  button.disabled = Boolean(why);
  return why;
}

// Shows the entries whose names contain what was typed.
function sift() {
  const part = $("sift").value.toLowerCase();
  for (const button of $("entries").children) button.hidden = !button.firstChild.textContent.toLowerCase().includes(part);
}

// The time of the line in sight, or of one in front of it.
function timeNear({ following, anchor, lines }) {
  let index = following ? lines.length - 1 : Math.max(0, lines.indexOf(anchor?.line));
  for (const first = index - 1000; index >= 0 && index > first; index--) {
    const time = timeOf(lines[index].text);
    if (time) return time;
  }
  return NaN;
}

// To an offset, a part of the file, or a time. Gives what is wrong with what was typed.
async function goTo(text) {
  const { file } = view, size = file?.size ?? 0;
  if (!(file instanceof Topic)) return "This works in one file only: choose its tab first.";
  const given = /^([\d.]+)\s*([%kmgt]?)i?b?$/i.exec(text.replaceAll(",", ""));
  if (given) {
    const unit = { "%": size / 100, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 }[given[2].toLowerCase()] ?? 1;
    await file.jump(Math.max(0, Math.min(Math.floor(Number(given[1]) * unit) || 0, size)));
    return "";
  }
  const time = timeTyped(text, timeNear(file) || Date.now());
  if (Number.isNaN(time)) return "This is neither an offset nor a time. Examples: 4711, 1.5G, 50%, 14:05, 2026-11-28 14:05, 2h ago";
  const work = search.work = new AbortController();
  try {
    const offset = await offsetOfTime(file, time, work.signal);
    if (offset === undefined) return "No line here begins with a time.";
    if (offset === null) file.end();
    else {
      const line = await file.jump(offset, -Math.floor(log.clientHeight / 3));
      if (line) view.goTo(file, line);
    }
    return "";
  } catch (error) {
    search.tell("");
    return error.message;
  } finally {
    search.work = null;
    view.soon();
  }
}

// --- What one can do --------------------------------------------------------------------------------------------------

// Picks the line that was found last, or the first in sight.
function pickInSight(extend) {
  if (!view.file) return;
  view.pause();
  const line = view.current ?? view.file.anchor?.line;
  if (line) selection.pick(line, extend);
}

// A property that is on or off, remembered, with its box.
function toggle(id, wanted, then) {
  const on = wanted ?? !view[id];
  view[id] = on;
  $(id).checked = on;
  remember("openrange-" + id, on ? "1" : "");
  then?.(on);
  search.version++; // what a line shows may be another text
  view.redraw();
}

const acts = {
  follow() {
    const file = view.file;
    if (!file) return;
    if (!file.following) return file.end();
    view.pause();
    view.soon();
  },
  files: () => { $("sift").value = ""; list(new URL("./", new URL(view.file?.url ?? location.pathname, location)).pathname); },
  theme() {
    const dark = document.documentElement.dataset.theme
      ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    document.documentElement.dataset.theme = dark ? "light" : "dark";
    remember("openrange-theme", document.documentElement.dataset.theme);
  },
  help: () => { $("options").close(); $("keys").showModal(); },
  menu() { $("logout").hidden = !remembered("openrange-login"); $("options").showModal(); },
  previous: () => search.find(-1),
  next: () => search.find(1),
  stop: () => search.stop(),
  only() {
    search.only = !search.only;
    search.version++;
    $("only").setAttribute("aria-pressed", search.only);
    view.soon();
  },
  caseful() {
    search.caseful = !search.caseful;
    $("caseful").setAttribute("aria-pressed", search.caseful);
    search.read();
  },
  wrap: wanted => toggle("wrap", wanted, on => document.body.classList.toggle("wrap", on)),
  levels: wanted => toggle("levels", wanted),
  fields: wanted => toggle("fields", wanted),
  start: () => view.file?.jump?.(0),
  goto() { $("jump-note").textContent = ""; $("jump").showModal(); $("offset").select(); },
  end: () => view.file?.end(),
  new: () => view.file?.end(),
  search: () => { $("search").focus(); $("search").select(); },
  close: () => view.file instanceof Topic && shut(view.file),
  pick: () => pickInSight(false),
  extend: () => pickInSight(true),
  copy: () => copyLines(),
  link: () => copy(location.href, "link"),
  keepselected: () => saveSelected(),
  unselect: () => selection.clear(),
  save() { $("save-whole").hidden = !(view.file instanceof Topic); $("saving").showModal(); },
  logout: () => logOut(),
};
const keys = {
  " ": "follow", l: "files", t: "theme", "?": "help", N: "previous", n: "next", f: "only", w: "wrap", g: "start",
  Home: "start", o: "goto", G: "end", End: "end", "/": "search", x: "close", c: "copy", s: "save", v: "menu",
  i: "caseful", e: "levels", j: "fields", p: "pick", P: "extend",
};

for (const id of Object.keys(acts)) {
  const element = $(id);
  if (element?.localName === "button") element.onclick = () => acts[id]();
  else if (element?.type === "checkbox") element.onchange = () => acts[id](element.checked);
}
$("keys-open").onclick = acts.help;
$("copy-shown").onclick = () => { $("saving").close(); selection.clear(); copyLines(); };
for (const button of document.querySelectorAll("dialog .shut")) button.onclick = () => button.closest("dialog").close();
for (const [id, act] of [["jump-start", "start"], ["jump-end", "end"]]) $(id).onclick = () => { $("jump").close(); acts[act](); };
$("jump").querySelector("form").onsubmit = async event => {
  event.preventDefault();
  const dialog = $("jump"), text = $("offset").value.trim();
  if (!text) return dialog.close();
  const wrong = await goTo(text);
  $("jump-note").textContent = wrong;
  if (!wrong) dialog.close();
};
$("save-whole").onclick = () => { $("saving").close(); save(view.file.url, view.file.leaf); };
$("save-shown").onclick = () => {
  $("saving").close();
  saveBlob([textOf(view.shown)], `${view.file?.label ?? "lines"}.txt`);
};
$("sift").oninput = sift;
for (const id of ["search", "exclude"]) {
  $(id).oninput = () => search.read();
  $(id).onkeydown = event => {
    if (event.key === "Enter" && id === "search") search.find(event.shiftKey ? 1 : -1);
    else if (event.key === "Escape") { event.preventDefault(); log.focus(); }
  };
}
$("tabs").onkeydown = event => {
  const tabs = [...$("tabs").children], step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (event.key === "Delete") return acts.close();
  if (!step) return;
  const tab = tabs.at((tabs.findIndex(tab => tab.file === view.file) + step) % tabs.length);
  show(tab.file);
  tab.focus();
};
document.addEventListener("keydown", event => {
  if (event.key === "Escape") search.stop();
  const { target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || target.localName === "input" || target.closest("dialog")) return;
  if (event.key === " " && target.localName === "button") return;
  const digit = "123456789".indexOf(event.key);
  if (digit >= 0 && view.files[digit]) return show(view.files[digit]);
  if (event.key === "0" && view.files.length > 1) return show(merged);
  const act = acts[keys[event.key]];
  if (!act) return;
  event.preventDefault();
  act();
});
log.addEventListener("scroll", () => view.moved(), { passive: true });
// At an edge there is nothing to scroll, but the wish is known.
log.addEventListener("wheel", event => {
  if (event.deltaY < 0 && view.file) { view.pause(); view.soon(); }
}, { passive: true });
// The gutter picks a line; where fingers point, the whole line does.
rows.addEventListener("click", event => {
  const line = event.target.closest("#rows > div")?.line;
  const inGutter = event.clientX < log.getBoundingClientRect().left + 22 - Math.min(0, log.scrollLeft);
  if (line && getSelection().isCollapsed && (inGutter || matchMedia("(pointer: coarse)").matches)) {
    view.pause();
    selection.pick(line, event.shiftKey);
  }
});
new ResizeObserver(() => { view.soon(); view.file && reveal(view.file); }).observe(log);

const theme = remembered("openrange-theme");
if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
acts.wrap(Boolean(remembered("openrange-wrap") ?? matchMedia("(max-width: 640px)").matches));
acts.levels(Boolean(remembered("openrange-levels") ?? true));
acts.fields(Boolean(remembered("openrange-fields") ?? false));
const others = location.hash.slice(1).split("&");
add(location.pathname);
// The first that is too many says so.
for (const url of others) {
  if (url.startsWith("/") && add(url)) break;
}
show(view.files[0]);
log.focus();

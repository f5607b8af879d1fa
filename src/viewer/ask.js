// What is held of a file: lines, and bytes. Older and newer lines are fetched as ranges.
const LINES = 20000, BYTES = 8 << 20;
// Bytes of one such range, and of the end of the file that is fetched first. Even: a character of UTF-16 has two bytes.
const PAGE = 256 << 10;
// A longer line is shown in pieces.
const LONGEST = 16 << 10;
// Files of a page. Together they hold what four may hold.
const TABS = 32;
// Connections that follow files. A browser opens six to a server; one is left for older lines and lists.
const FEEDS = 5;
// Bytes of a request target, of which the server takes 4 KiB.
const TARGET = 4000;
// Milliseconds: for a first answer, and the shortest and longest pause before another attempt.
const PATIENCE = 15000, SOON = 250, LATE = 10000;
// Milliseconds: an event stream says something every 20 s, so one that is silent for so long is dead.
const SILENCE = 50000;
// Milliseconds, shortest and longest: until a last line that has not ended is looked for.
const GLANCE = 1000, GLANCES = 30000;
// The longest one where somebody waits for the end of a job.
const JOB_GLANCES = 5000;
// Bytes of one range of a search, and of a look for a time.
const SCAN = 1 << 20, PROBE = 32 << 10;
// Bytes of a file, or of a selection, that may be saved by way of this page's memory.
const SAVED = 256 << 20;
// Milliseconds until a file that was rolled is looked at once more: a writer may not have noticed yet.
const LATENESS = 5000;
// Files that had a name meanwhile, of which all is fetched.
const PASSED = 100;
const ROW = 18;
const ROLLED = "The log was rolled: the file ends here, and the next one begins.";
const MISSED = "The log was rolled, and the server no longer has all that was written. The next file begins here.";
const WAITING = "no such file, waiting for it";
const TRUNCATED = "The file was truncated. It begins again here.";

const $ = id => document.getElementById(id);
const log = $("log"), rows = $("rows");
const number = n => n.toLocaleString("en");
const sleep = (ms, signal) => new Promise(done => {
  const timer = setTimeout(done, ms);
  signal.addEventListener("abort", () => { clearTimeout(timer); done(); }, { once: true });
});
// A flood of lines must leave the page some time. Takes and gives when it last had some.
async function breathe(last) {
  if (performance.now() - last < 12) return last;
  await new Promise(done => setTimeout(done));
  return performance.now();
}
const remember = (key, value) => { try { localStorage.setItem(key, value); } catch { /* not allowed: forgotten */ } };
const remembered = key => { try { return localStorage.getItem(key); } catch { return null; } };

// --- Asking the server ------------------------------------------------------------------------------------------------

let login = null;

// A request; asks for a token if that is needed.
async function ask(url, signal, headers = {}, { method = "GET", login: wanted = true } = {}) {
  for (;;) {
    const slow = new AbortController();
    const timer = setTimeout(() => slow.abort(new Error("no answer (too many windows with followed files?)")), PATIENCE);
    try {
      const both = AbortSignal.any([signal, slow.signal]);
      const answer = await fetch(url, { method, headers, signal: both, cache: "no-store" });
      if (answer.status !== 401 || !wanted) return answer;
    } finally {
      clearTimeout(timer);
    }
    await (login ??= askForToken(url.split("?")[0]));
  }
}

// Until the server has taken a token, for which it sets a cookie: then every request has it, also those of other pages.
function askForToken(path) {
  const dialog = $("login"), form = dialog.querySelector("form");
  $("login-name").textContent = `A token is needed for ${nameOf(path)}`;
  $("token").value = $("login-wrong").textContent = "";
  dialog.oncancel = event => event.preventDefault(); // without a token there is nothing to see
  dialog.showModal();
  return new Promise(done => {
    form.onsubmit = async event => {
      event.preventDefault();
      const wrong = await logIn(path, $("token").value.trim(), $("keep").checked);
      $("login-wrong").textContent = wrong;
      $("token").setAttribute("aria-invalid", Boolean(wrong));
      $("token").select();
      if (wrong) return;
      login = null;
      dialog.close();
      done();
    };
  });
}

// Gives what is wrong with the token, or nothing.
async function logIn(path, token, keep) {
  if (!/^[\w.~+/-]+=*$/.test(token)) return "A token has letters, digits and -._~+/ only.";
  try {
    const headers = { "Authorization": `Bearer ${token}` }, cache = "no-store";
    const answer = await fetch(`${path}?login${keep ? "=keep" : ""}`, { headers, cache });
    if (answer.status === 401) return "This token is not valid here.";
    if (!answer.ok) return `The server refuses the token, with status ${answer.status}.`;
    // What has no cookie asks for a token again, for ever.
    const { status } = await fetch(path, { method: "HEAD", cache });
    if (status === 401) return "The token is valid, but not for this file, or the browser does not keep the cookie.";
    remember("openrange-login", "1");
    return "";
  } catch {
    return "The server does not answer.";
  }
}

async function logOut() {
  await fetch(`${location.pathname}?logout`, { cache: "no-store" });
  remember("openrange-login", "");
  location.reload();
}

// The size of the whole file that a Content-Range tells, if it does.
const total = answer => Number(/\/(\d+)$/.exec(answer.headers.get("Content-Range"))?.[1] ?? NaN);

// Names that the answer to a job can have.
const JOB = /^[\w-]{1,64}$/;

// What to say of a job in this state, behind that of its file.
function jobSays(state) {
  if (!state) return "";
  const said = {
    waiting: "waits for a worker", running: "runs", "0": "succeeded", timeout: "timed out", cancelled: "was cancelled",
    abandoned: "was abandoned",
  };
  return `, the job ${said[state] ?? `failed: ${state}`}`;
}

// A path as people read it.
function nameOf(url) {
  try { return decodeURIComponent(url); } catch { return url; }
}

// The entries of a directory, with the status of the answer; a token may be good for its files only.
async function entriesOf(directory, signal) {
  const answer = await ask(directory, signal, { "Accept": "application/json" }, { login: false });
  return { status: answer.status, ...answer.ok ? await answer.json() : { entries: [] } };
}

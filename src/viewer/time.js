// --- Times at the beginning of lines ----------------------------------------------------------------------------------

const MONTHS = "janfebmaraprmayjunjulaugsepoctnovdec";
const monthOf = word => MONTHS.indexOf(word.toLowerCase()) / 3;
const ISO = /(?<!\d)(\d{4})([-/])(\d\d)\2(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?: ?(Z|[+-]\d\d:?\d\d))?)?/;
const CLF = /\[(\d\d)\/([A-Z][a-z]{2})\/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-]\d{4})\]/;
const SYSLOG = /^(?:<\d+>)?([A-Z][a-z]{2}) +(\d{1,2}) (\d\d):(\d\d):(\d\d)/;
const EPOCH = /^[[("]?(\d{10})(\d{3}|\d{6}|\d{9})?(\.\d+)?(?!\d)/;
const MEMBER = /"(?:ts|time|timestamp|t)":\s*"?(\d{10})(\d{3}|\d{6}|\d{9})?(\.\d+)?(?!\d)/;
// So much of a line may stand before its time.
const LEADING = 200;

// Milliseconds since 1970. Without a zone the time is that of this device, as a time that somebody types is.
function instant(year, month, day, hour, minute, second, fraction, zone) {
  const ms = Math.floor(Number("0." + (fraction ?? 0)) * 1000);
  if (!zone) return new Date(year, month, day, hour, minute, second, ms).getTime();
  const [, sign, hours, minutes] = /([+-])(\d\d):?(\d\d)/.exec(zone) ?? [0, "+", 0, 0];
  const offset = (sign === "-" ? -1 : 1) * (hours * 60 + Number(minutes));
  return Date.UTC(year, month, day, hour, minute, second, ms) - offset * 60000;
}

// The time that a line begins with, or NaN.
function timeOf(text) {
  const head = text.slice(0, LEADING);
  const iso = ISO.exec(head);
  if (iso) {
    const [, year, , month, day, hour = 0, minute = 0, second = 0, fraction, zone] = iso;
    return instant(year, month - 1, day, hour, minute, second, fraction, zone);
  }
  const clf = CLF.exec(head);
  if (clf) return instant(clf[3], monthOf(clf[2]), clf[1], clf[4], clf[5], clf[6], 0, clf[7]);
  const syslog = SYSLOG.exec(head);
  if (syslog) return withoutYear(monthOf(syslog[1]), ...syslog.slice(2));
  const epoch = EPOCH.exec(head) ?? MEMBER.exec(head);
  return epoch ? Number(epoch[1]) * 1000 + Math.floor(Number(`0.${epoch[2] ?? epoch[3]?.slice(1) ?? 0}`) * 1000) : NaN;
}

// The last such time that is not in the future, but for a day: clocks differ.
function withoutYear(...parts) {
  const year = new Date().getFullYear(), time = instant(year, ...parts);
  return time > Date.now() + 864e5 ? instant(year - 1, ...parts) : time;
}

// What somebody types: a time as in a log, one of the day of `near`, or so long ago (90m, 2h, 3d). NaN: none of these.
function timeTyped(text, near) {
  const ago = /^-?(\d+(?:\.\d+)?) *(s|min|m|h|d)(?: ago)?$/i.exec(text);
  if (ago && (text[0] === "-" || /ago$/i.test(text))) {
    return Date.now() - ago[1] * { s: 1, m: 60, min: 60, h: 3600, d: 86400 }[ago[2].toLowerCase()] * 1000;
  }
  const clock = /^([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/.exec(text);
  if (!clock) return timeOf(text.startsWith("@") ? text.slice(1) : text);
  return new Date(near).setHours(clock[1], clock[2], clock[3] ?? 0, 0);
}

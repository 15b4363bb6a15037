// Instants of the server, shown in the reader's zone or in UTC.

const KEY = "foresail-zone";
const HOUR = 3600e3;
let zone = read();

function read() {
  try {
    return localStorage.getItem(KEY) === "utc" ? "utc" : "local";
  } catch {
    return "local";
  }
}

/** Returns `utc` or `local`. */
export function shownZone() {
  return zone;
}

/** Changes it, for this browser. */
export function showZone(name) {
  zone = name;
  try {
    localStorage.setItem(KEY, name);
  } catch {
    // it holds for this page then
  }
}

/** Returns the zone's IANA name. */
export function zoneName() {
  return zone === "utc" ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

function format(iso, options) {
  const timeZone = zone === "utc" ? "UTC" : undefined;
  return new Intl.DateTimeFormat("en-GB", { ...options, timeZone, hourCycle: "h23" }).format(new Date(iso));
}

/** Returns `Thu 26 Nov, 14:00`. */
export function moment(iso) {
  const day = format(iso, { weekday: "short", day: "numeric", month: "short" }).replace(",", "");
  return `${day}, ${hour(iso)}`;
}

/** Returns `Thursday 26 November, 14:00`, or without the date within six days of `from`. */
export function spoken(iso, from) {
  const near = Date.parse(iso) - Date.parse(from) < 6 * 24 * HOUR;
  const day = near
    ? format(iso, { weekday: "long" })
    : format(iso, { weekday: "long", day: "numeric", month: "long" }).replace(",", "");
  return `${day} ${hour(iso)}`;
}

/** Returns `Thu 26 Nov`. */
export function date(iso) {
  return format(iso, { weekday: "short", day: "numeric", month: "short" }).replace(",", "");
}

/** Returns `14:00`. */
export function hour(iso) {
  return format(iso, { hour: "2-digit", minute: "2-digit" });
}

/** Returns a stamp without a zone, as it is on the clock shown: what an axis is drawn along. */
export function onTheClock(iso) {
  const at = new Date(iso);
  const shift = zone === "utc" ? 0 : -at.getTimezoneOffset() * 60e3;
  return new Date(at.getTime() + shift).toISOString().slice(0, 19).replace("T", " ");
}

/** Returns how far apart two instants are, such as `5 d 3 h`. */
export function span(from, to) {
  const hours = Math.round(Math.abs(Date.parse(to) - Date.parse(from)) / HOUR);
  if (hours < 1) return "less than an hour";
  const days = Math.floor(hours / 24);
  const rest = hours % 24;
  if (days >= 7 || (days > 0 && rest === 0)) return `${days}\u00a0d`;
  return days > 0 ? `${days}\u00a0d ${rest}\u00a0h` : `${hours}\u00a0h`;
}

/** Returns `in 5 d` or `now`. */
export function ahead(from, to) {
  return Date.parse(to) <= Date.parse(from) ? "now" : `in ${span(from, to)}`;
}

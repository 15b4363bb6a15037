// What a chart shows, before anybody draws it: the same for both ways to draw.

import { moment, onTheClock } from "./times.js";
import { scaleOf } from "./units.js";

const HOUR = 3600e3;
const PAST = { next_day: 72, next_week: 14 * 24, next_month: 28 * 24 };
const FAR = 2.2;

/**
 * Returns a picture: columns in the shown unit and on the shown clock.
 *
 * `forecast` and `challenger` may be null; `past` is the answer of /v1/history.
 */
export function pictureOf({ past, forecast, challenger, horizon }) {
  const step = forecast?.step || "1h";
  const before = step === "1h" ? hourly(past, PAST[horizon]) : byPeriod(past, forecast);
  const numbers = [...before.values, ...(forecast?.p90 || []), ...(challenger?.p90 || [])].filter((value) => value !== null);
  const most = numbers.length ? Math.max(...numbers) : 0;
  const scale = scaleOf(past.unit, most);
  const capacity = forecast?.capacity;
  const ceiling = capacity?.ceiling ? capacity[capacity.ceiling] : null;
  const near = ceiling !== null && ceiling * capacity.threshold < FAR * most;
  const column = (values) => values.map((value) => (value === null ? null : value / scale.factor));
  return {
    unit: scale.name,
    step,
    history: { x: before.stamps.map(onTheClock), y: column(before.values) },
    forecast: bandOf(forecast, column),
    challenger: bandOf(challenger, column),
    now: forecast && step === "1h" ? onTheClock(forecast.start) : null,
    ceiling: near ? ceiling / scale.factor : null,
    ceilingName: capacity?.ceiling || "",
    threshold: capacity ? capacity.threshold : null,
    full: near && step === "1h" ? fullOf(forecast, scale) : null,
    low: Math.min(0, ...numbers) / scale.factor,
    most: Math.max(most, near ? 1.04 * ceiling : 0) / scale.factor,
  };
}

function bandOf(answer, column) {
  if (!answer || !answer.ds.length) return null;
  return { x: answer.ds.map(onTheClock), p10: column(answer.p10), p50: column(answer.p50), p90: column(answer.p90) };
}

function fullOf(forecast, scale) {
  for (const quantile of ["p50", "p90"]) {
    const at = forecast.capacity.full_on[quantile];
    const row = at ? forecast.ds.indexOf(at) : -1;
    if (row >= 0) {
      return { x: onTheClock(at), y: forecast[quantile][row] / scale.factor, quantile, text: `${quantile === "p50" ? "Full" : "May be full"} ${moment(at)}` };
    }
  }
  return null;
}

function hourly(past, hours) {
  return { stamps: past.ds.slice(-hours), values: past.value.slice(-hours) };
}

/** Returns whole periods before the forecast's, each its mean or its highest hour as the forecast's are. */
function byPeriod(past, forecast) {
  const known = new Map(past.ds.map((stamp, row) => [Date.parse(stamp), past.value[row]]));
  const days = forecast.step === "1w" ? 7 : 1;
  const stamps = [];
  const values = [];
  let end = dayBefore(Date.parse(forecast.ds[0] || forecast.start), 0, forecast.tz);
  for (;;) {
    const begin = dayBefore(end, days, forecast.tz);
    const hours = [];
    for (let at = begin; at < end; at += HOUR) hours.push(known.get(at));
    if (begin < Date.parse(past.start)) break;
    const there = hours.filter((value) => value !== undefined && value !== null);
    if (there.length === hours.length) {
      stamps.unshift(new Date(begin).toISOString());
      values.unshift(forecast.agg === "peak" ? Math.max(...there) : there.reduce((sum, value) => sum + value, 0) / there.length);
    }
    end = begin;
  }
  return { stamps, values };
}

/** Returns the instant so many days earlier on the same clock; where clocks change, days are longer. */
function dayBefore(at, days, zone) {
  const date = new Date(at);
  if (!zone || zone === "UTC") return date.setUTCDate(date.getUTCDate() - days);
  return date.setDate(date.getDate() - days);
}

// A sparkline: what a series used, and what it is forecast to use, in the space of a word.

import { s } from "./dom.js";
import { amount } from "./units.js";

const WIDTH = 216;
const HEIGHT = 48;
const PAD = 3;

/** Returns a sparkline as SVG. */
export function spark(row, grid, ahead) {
  const { history, p50, p90 } = row.spark;
  const all = [...history, ...p50, ...p90].filter((value) => value !== null);
  const limit = limitOf(row);
  if (!all.length) return s("svg", { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" });
  const most = Math.max(...all);
  const near = limit !== null && limit < 1.8 * most;
  const top = near ? Math.max(most, limit * 1.06) : most;
  const low = Math.min(0, ...all);
  const x = (place) => (PAD + ((WIDTH - 2 * PAD) * place) / (history.length - 1)).toFixed(1);
  const y = (value) => (HEIGHT - PAD - ((HEIGHT - 2 * PAD) * (value - low)) / (top - low || 1)).toFixed(1);
  const now = x(grid.now - 0.5);
  return s(
    "svg",
    { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": told(row, ahead), preserveAspectRatio: "none" },
    s("rect", { class: "spark-ahead", x: now, y: 0, width: (WIDTH - now).toFixed(1), height: HEIGHT, rx: 4 }),
    s("path", { class: "spark-band", d: area(p50, p90, x, y) }),
    near ? s("path", { class: "spark-limit", d: `M0 ${y(limit)}H${WIDTH}` }) : null,
    s("path", { class: "spark-history", d: line(history, x, y) }),
    s("path", { class: "spark-p50", d: line(p50, x, y) }),
  );
}

function limitOf(row) {
  const { capacity } = row;
  return capacity && capacity.ceiling ? capacity[capacity.ceiling] * capacity.threshold : null;
}

/** Returns a path that lifts the pen where there is no value. */
export function line(values, x, y) {
  let path = "";
  let drawing = false;
  values.forEach((value, place) => {
    if (value === null) {
      drawing = false;
      return;
    }
    path += `${drawing ? "L" : "M"}${x(place)} ${y(value)}`;
    drawing = true;
  });
  return path;
}

function area(low, high, x, y) {
  const places = low.map((value, place) => place).filter((place) => low[place] !== null && high[place] !== null);
  if (!places.length) return "";
  const there = places.map((place) => `${x(place)} ${y(high[place])}`);
  const back = places.toReversed().map((place) => `${x(place)} ${y(low[place])}`);
  return `M${there.join("L")}L${back.join("L")}Z`;
}

function told(row, ahead) {
  const past = row.spark.history.filter((value) => value !== null);
  const before = past.length ? `highest hour so far ${amount(Math.max(...past), row.unit)}` : "no history";
  const after = row.summary ? `highest in ${ahead} ${amount(row.summary.peak, row.unit)}, p90 ${amount(row.summary.peak_p90, row.unit)}` : "no forecast";
  return `${before}; ${after}`;
}

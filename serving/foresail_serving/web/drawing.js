// The plain drawing of a picture, for servers without plotly: no zoom, the same lines.

import { h, replace, s } from "./dom.js";
import { line } from "./spark.js";
import { number } from "./units.js";

const WIDTH = 1000;
const HEIGHT = 380;
const LEFT = 56;
const RIGHT = 12;
const TOP = 12;
const BOTTOM = 44;
const DAY = 86400e3;

/** Draws a picture into an element. */
export function drawPlain(element, picture) {
  const at = (stamp) => Date.parse(`${stamp.replace(" ", "T")}Z`);
  const stamps = [...picture.history.x, ...(picture.forecast?.x || [])].map(at);
  if (!stamps.length) {
    replace(element, h("p", { class: "hint" }, "There is nothing to draw."));
    return;
  }
  const [begin, end] = [Math.min(...stamps), Math.max(...stamps)];
  const top = picture.most * 1.06 || 1;
  const across = (stamp) => LEFT + ((WIDTH - LEFT - RIGHT) * (stamp - begin)) / (end - begin || 1);
  const up = (value) => (HEIGHT - BOTTOM - ((HEIGHT - BOTTOM - TOP) * (value - picture.low)) / (top - picture.low)).toFixed(1);
  const curve = (column, values, kind) => s("path", { class: kind, d: line(values, (row) => across(at(column[row])).toFixed(1), up) });
  const { history, forecast, challenger, ceiling, threshold, full, now } = picture;
  const rule = (value, kind) => s("path", { class: kind, d: `M${LEFT} ${up(value)}H${WIDTH - RIGHT}` });
  replace(
    element,
    s(
      "svg",
      { class: "plain-chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" },
      values(picture.low, top).map((value) => [
        s("path", { class: "grid-line", d: `M${LEFT} ${up(value)}H${WIDTH - RIGHT}` }),
        s("text", { class: "tick", x: LEFT - 8, y: Number(up(value)) + 4, "text-anchor": "end" }, number(value)),
      ]),
      days(begin, end).map((stamp) =>
        s("text", { class: "tick", x: across(stamp).toFixed(1), y: HEIGHT - BOTTOM + 20, "text-anchor": "middle" }, new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" }).format(stamp)),
      ),
      [challenger && ["violet", challenger], forecast && ["accent", forecast]].filter(Boolean).map(([kind, of]) => [
        s("path", { class: `band ${kind}`, d: `${line(of.p90, (row) => across(at(of.x[row])).toFixed(1), up)}L${of.x.map((stamp, row) => `${across(at(stamp)).toFixed(1)} ${up(of.p10[row])}`).toReversed().join("L")}Z` }),
        curve(of.x, of.p50, `curve ${kind}`),
      ]),
      curve(history.x, history.y, "curve history"),
      ceiling !== null ? [rule(ceiling, "rule bad"), rule(ceiling * threshold, "rule warn")] : null,
      now ? s("path", { class: "rule now", d: `M${across(at(now)).toFixed(1)} ${TOP}V${HEIGHT - BOTTOM}` }) : null,
      full ? s("circle", { class: `full ${full.quantile === "p50" ? "bad" : "warn"}`, cx: across(at(full.x)).toFixed(1), cy: up(full.y), r: 6 }, s("title", {}, full.text)) : null,
    ),
    h("p", { class: "hint" }, "For a chart that can be zoomed install the extra ", h("code", {}, "foresail[dashboard]"), " beside the server."),
  );
}

function values(low, top) {
  const rough = (top - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= top; value += step) found.push(value);
  return found;
}

function days(begin, end) {
  const step = Math.max(1, Math.round((end - begin) / DAY / 8)) * DAY;
  const found = [];
  for (let stamp = Math.ceil(begin / DAY) * DAY; stamp <= end; stamp += step) found.push(stamp);
  return found;
}

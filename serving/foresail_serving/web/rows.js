// The table of the overview. Its roles are written out: on narrow screens its rows are cards.

import * as place from "./address.js";
import { h, unseen } from "./dom.js";
import { spark } from "./spark.js";
import { ahead, moment } from "./times.js";
import { amount, percent, ratio } from "./units.js";
import { HORIZONS, names, STATUS } from "./words.js";

const COLUMNS = [
  ["name", "Series"],
  [null, "Before and ahead"],
  ["peak", "Peak"],
  ["headroom", "Of its ceiling"],
  ["full_on", "Full"],
  ["promise", "Promise"],
];
const ORDER = { name: "ascending", peak: "descending", headroom: "descending", full_on: "ascending", promise: "descending" };

/** Returns the table of a page; `sort` is called with the order that is wanted. */
export function tableOf(answer, chosen, sort) {
  const { label } = HORIZONS[answer.horizon];
  return h(
    "table",
    { class: "series", role: "table" },
    h("caption", { class: "unseen" }, `Series, ${label.toLowerCase()} ahead`),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, COLUMNS.map(([key, text]) => heading(key, text, chosen.sort, sort)))),
    h("tbody", { role: "rowgroup", on: { keydown: move } }, answer.series.map((row) => rowOf(row, answer, chosen))),
  );
}

function heading(key, text, chosen, sort) {
  if (!key) return h("th", { scope: "col", role: "columnheader" }, text);
  const on = key === chosen;
  return h(
    "th",
    { scope: "col", role: "columnheader", "aria-sort": on ? ORDER[key] : null },
    h("button", { type: "button", class: "sorter", on: { click: () => sort(key) } }, text, h("span", { class: "arrow", "aria-hidden": "true" }, on ? (ORDER[key] === "ascending" ? "▲" : "▼") : "")),
  );
}

function rowOf(row, answer, chosen) {
  const { name, where } = names(row);
  const href = place.link("series", { series: row.series, metric: answer.metric, stat: answer.stat, horizon: answer.horizon });
  const cells = row.summary ? figures(row, answer) : [why(row)];
  return h(
    "tr",
    { role: "row", class: toneOf(row), on: { click: (event) => event.target.closest("a, button") || window.getSelection()?.toString() || go(href) } },
    h(
      "td",
      { role: "cell", class: "who" },
      h("a", { href, "data-series": row.series, title: row.series }, name),
      badge(row),
      h("span", { class: "where" }, where),
    ),
    h("td", { role: "cell", class: "sparkline" }, spark(row, answer.spark, HORIZONS[chosen.horizon].ahead)),
    cells,
    h("td", { role: "cell", class: "promise", "data-label": "Promise" }, promised(row)),
  );
}

function go(href) {
  location.hash = href;
}

function toneOf(row) {
  if (!row.capacity) return "none";
  if (row.capacity.full_on.p50) return "bad";
  return row.capacity.full_on.p90 ? "warn" : "calm";
}

function badge(row) {
  if (row.status === "ok" && !row.code) return null;
  const [text, tone] = row.status === "ok" ? [row.code_name, "plain"] : STATUS[row.status];
  return h("span", { class: `badge ${tone}`, title: row.reason }, text);
}

function why(row) {
  return h(
    "td",
    { role: "cell", colspan: 3, class: "why", "data-label": "No forecast" },
    h("span", {}, row.reason || "No forecast."),
    h("span", { class: "sub" }, row.code ? `${row.code_name}, code ${row.code}` : row.code_name),
  );
}

function figures(row, answer) {
  const { summary, unit, capacity } = row;
  return [
    h("td", { role: "cell", class: "peak", "data-label": "Peak" }, h("span", { class: "big" }, amount(summary.peak, unit)), h("span", { class: "sub" }, `p90 ${amount(summary.peak_p90, unit, { of: summary.peak_p90 })}`)),
    h("td", { role: "cell", class: "share", "data-label": "Of its ceiling" }, share(row)),
    h("td", { role: "cell", class: "full", "data-label": "Full" }, full(capacity, answer)),
  ];
}

function share(row) {
  const { capacity, summary, unit } = row;
  if (!capacity.ceiling) return h("span", { class: "sub" }, "no ceiling known");
  const ceiling = capacity[capacity.ceiling];
  const [p50, p90] = [summary.peak / ceiling, summary.peak_p90 / ceiling];
  const to = (value) => `${(100 * Math.min(Math.max(value, 0), 1.15)) / 1.15}%`;
  return [
    h("span", { class: "big" }, percent(p50)),
    h("span", { class: "of" }, ` of ${amount(ceiling, unit)}`),
    h(
      "span",
      { class: "meter", "aria-hidden": "true", title: `p90 ${percent(p90)}` },
      h("span", { class: "meter-p90", css: { width: to(p90) } }),
      h("span", { class: "meter-p50", css: { width: to(p50) } }),
      h("span", { class: "meter-mark", css: { left: to(capacity.threshold) } }),
    ),
    unseen(`, p90 ${percent(p90)}`),
  ];
}

function full(capacity, answer) {
  const { p50, p90 } = capacity.full_on;
  if (p50) return [h("span", { class: "big" }, moment(p50)), h("span", { class: "sub" }, ahead(answer.start, p50))];
  if (p90) return [h("span", { class: "big maybe" }, moment(p90)), h("span", { class: "sub" }, `at p90, ${ahead(answer.start, p90)}`)];
  if (!capacity.ceiling) return h("span", { class: "sub" }, "—", unseen("unknown"));
  return h("span", { class: "sub" }, `not ${HORIZONS[answer.horizon].within}`);
}

function promised(row) {
  const { quality } = row;
  if (quality.status !== "measured") return [h("span", { class: "big plain" }, "unmeasured"), h("span", { class: "sub", title: quality.reason }, quality.reason)];
  const better = quality.vs_naive <= 1;
  return [
    h("span", { class: "big" }, `${percent(quality.coverage)} in band`),
    h("span", { class: `sub ${better ? "good" : "bad"}` }, `error ${ratio(quality.vs_naive)} × naive`),
  ];
}

/** Moves between rows with the arrow keys. */
function move(event) {
  const links = [...event.currentTarget.querySelectorAll("a[data-series]")];
  const at = links.indexOf(document.activeElement);
  if (at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key];
  if (to === undefined || !links[to]) return;
  event.preventDefault();
  links[to].focus();
  links[to].scrollIntoView({ block: "nearest" });
}

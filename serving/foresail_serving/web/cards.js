// The cards beside a chart, and its figures as a table.

import { h, replace, s } from "./dom.js";
import { ahead, date, hour, moment, span } from "./times.js";
import { amount, percent, ratio } from "./units.js";
import { promise } from "./words.js";

/** Returns the cards of an answer. */
export function cardsOf(answer, past) {
  return [promiseCard(answer), peakCard(answer, past.unit), roomCard(answer, past.unit), modelCard(answer)].filter(Boolean);
}

function card(id, title, ...children) {
  return h("section", { class: `card ${id}`, "aria-labelledby": `card-${id}` }, h("h2", { id: `card-${id}` }, title), children);
}

function promiseCard({ quality }) {
  if (quality.status !== "measured") {
    return card("promise", "The promise", h("p", { class: "big plain" }, "Unmeasured"), h("p", {}, `Nothing is promised: ${quality.reason}.`));
  }
  const [band, error] = promise(quality);
  return card(
    "promise",
    "The promise",
    h("div", { class: "promise-body" }, dots(quality.coverage), h("div", {}, h("p", {}, band), h("p", {}, error))),
    contest(quality.vs_naive),
    h("p", { class: "hint" }, `Measured ${quality.lead_hours[0]} to ${quality.lead_hours[1]} hours ahead of what was known, on history the model had not seen.`),
  );
}

/** Returns a hundred dots, as many of them filled as hours fell inside the band. */
function dots(coverage) {
  const inside = Math.round(100 * coverage);
  const at = (n) => 4.5 + 9 * n;
  return s(
    "svg",
    { class: "dots", viewBox: "0 0 90 90", role: "img", "aria-label": `${inside} of 100 hours inside the band` },
    Array.from({ length: 100 }, (_, n) => s("circle", { class: n < inside ? "in" : "out", cx: at(n % 10), cy: at(Math.floor(n / 10)), r: 3 })),
  );
}

/** Returns the error beside the naive rule's. */
function contest(error) {
  const to = (value) => `${Math.min(100, (100 * value) / Math.max(1, error))}%`;
  const bar = (label, value, kind) =>
    h("div", { class: "contest-row" }, h("span", {}, label), h("span", { class: "contest-bar" }, h("span", { class: kind, css: { width: to(value) } })), h("span", { class: "contest-value" }, ratio(value)));
  return h("div", { class: "contest", role: "img", "aria-label": `Error ${ratio(error)}, the naive rule's 1` }, bar("This forecast", error, error <= 1 ? "accent" : "bad"), bar("Same hour yesterday", 1, "naive"));
}

function facts(rows) {
  return h("dl", { class: "facts" }, rows.filter(Boolean).map(([name, ...value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

function peakCard({ summary, planning_range: range }, unit) {
  if (!summary) return null;
  const of = summary.peak_p90;
  return card(
    "peak",
    "The peak",
    h("p", { class: "big" }, amount(summary.peak, unit, { of })),
    h("p", { class: "sub" }, moment(summary.peak_at)),
    facts([
      ["At p90", amount(summary.peak_p90, unit, { of }), h("span", { class: "sub" }, moment(summary.peak_p90_at))],
      ["Mean", amount(summary.mean, unit, { of })],
      ["To plan with", `${amount(range.low * summary.peak, unit, { of })} to ${amount(range.high * summary.peak, unit, { of })}`, h("span", { class: "sub" }, `${range.low} to ${range.high} × the peak`)],
    ]),
  );
}

function roomCard({ capacity, start }, unit) {
  if (!capacity.ceiling) {
    return card("room", "The room", h("p", { class: "big plain" }, "Unknown"), h("p", {}, `There is ${capacity.reason}.`), capacity.request ? facts([["Requested", amount(capacity.request, unit)]]) : null);
  }
  const ceiling = capacity[capacity.ceiling];
  const full = (quantile) => {
    const at = capacity.full_on[quantile];
    return at ? [moment(at), h("span", { class: "sub" }, ahead(start, at))] : [FULL[capacity.full_on_code[quantile]] || capacity.full_on_code[quantile]];
  };
  const left = capacity.headroom;
  const known = left.p50 !== null;
  return card(
    "room",
    "The room",
    h("p", { class: known ? "big" : "big plain" }, known ? amount(Math.abs(left.p50), unit, { of: ceiling }) : "Unknown"),
    h("p", { class: "sub" }, known ? (left.p50 < 0 ? "beyond it in the fullest hour" : "left in the fullest hour") : "there is no forecast"),
    facts([
      known ? ["Left at p90", amount(left.p90, unit, { of: ceiling })] : null,
      [capacity.ceiling === "limit" ? "Limit" : "Allocatable", amount(ceiling, unit)],
      capacity.request ? ["Requested", amount(capacity.request, unit, { of: ceiling })] : null,
      known ? [`${percent(capacity.threshold)} at p50`, ...full("p50")] : null,
      known ? [`${percent(capacity.threshold)} at p90`, ...full("p90")] : null,
    ]),
  );
}

const FULL = {
  "not-within-horizon": "not in this time",
  "not-within-answer": "not in the hours that are forecast",
};

function modelCard(answer) {
  return card(
    "model",
    "The model",
    h("p", { class: "big" }, answer.winner || "none"),
    h("p", { class: "sub" }, `${answer.model.name}, version ${answer.model.version}`),
    facts([
      ["Knows until", moment(answer.trained_until), h("span", { class: "sub" }, `${span(answer.trained_until, answer.start)} ago`)],
      ["Reaches to", moment(answer.covers_until)],
      ...answer.segments.map((part) => [part.model, `until ${moment(part.end)}`]),
    ]),
  );
}

/** Fills `details` with the figures of a chart; the rows are made when it is opened. */
export function tableOf(details, { past, answer }) {
  const open = details.open;
  const summary = h("summary", {}, "The figures as a table");
  const place = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Figures" });
  replace(details, summary, place);
  const fill = () => details.open && !place.firstChild && replace(place, answer ? rowsOf(answer, past.unit) : h("p", {}, "There is no forecast."));
  details.ontoggle = fill;
  details.open = open;
  fill();
}

function rowsOf(answer, unit) {
  const of = answer.summary ? answer.summary.peak_p90 : 0;
  return h(
    "table",
    { class: "plain", "aria-label": "Forecast" },
    h("thead", {}, h("tr", {}, ["When", "p10", "p50", "p90"].map((name) => h("th", { scope: "col" }, name)))),
    h(
      "tbody",
      {},
      answer.ds.map((stamp, row) =>
        h("tr", {}, h("th", { scope: "row" }, answer.step === "1h" ? `${date(stamp)}, ${hour(stamp)}` : date(stamp)), ["p10", "p50", "p90"].map((quantile) => h("td", {}, amount(answer[quantile][row], unit, { of })))),
      ),
    ),
  );
}

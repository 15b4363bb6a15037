// Figures as sentences.

import { count, number, percent, ratio } from "./units.js";
import { spoken } from "./times.js";

export const HORIZONS = {
  next_day: { label: "Day", within: "within the day", ahead: "the next 24 hours" },
  next_week: { label: "Week", within: "within the week", ahead: "the next 7 days" },
  next_month: { label: "Month", within: "within the month", ahead: "the next 30 days" },
};

export const AHEAD = Object.entries(HORIZONS).map(([name, { label, ahead }]) => [name, label, ahead]);
export const METRICS = { cpu: "CPU", memory: "Memory" };
export const STATS = [
  ["mean", "Mean", "The mean of each hour"],
  ["max", "Peak", "The highest value within each hour"],
];

export const STATUS = {
  ok: ["ok", "good"],
  degraded: ["degraded", "warn"],
  stale: ["stale", "warn"],
  partial: ["partial", "warn"],
  abstained: ["abstained", "plain"],
  expired: ["expired", "bad"],
  "not-begun": ["not begun", "warn"],
  "not-trained": ["not trained", "plain"],
};

/** Returns `{ name, where }` of a series: what it is called, and what it lies in. */
export function names(row) {
  const { scope, cluster, node, namespace, kind, workload } = row.labels;
  switch (scope) {
    case "cluster":
      return { name: cluster || row.series, where: "cluster" };
    case "node":
      return { name: node || row.series, where: `${cluster} · node` };
    case "namespace":
      return { name: namespace || row.series, where: `${cluster} · namespace` };
    case "workload":
      return { name: workload || row.series, where: `${cluster} · ${namespace} · ${kind || "workload"}` };
    default:
      return { name: row.series, where: "" };
  }
}

/** Returns what an overview says on top: `{ text, tone, first }`. */
export function outlook(answer) {
  const { outlook: all, horizon, threshold, start } = answer;
  const { within } = HORIZONS[horizon];
  const share = percent(threshold);
  if (!all.series) return { text: "No series fits these filters.", tone: "plain", first: null };
  if (all.without_forecast === all.series) {
    return { text: `None of ${count(all.series, "series", "series")} has a forecast ${within}.`, tone: "bad", first: null };
  }
  const first = all.first_full && { ...all.first_full, when: spoken(all.first_full.at, start) };
  if (all.full.p50) {
    const verb = all.full.p50 === 1 ? "reaches" : "reach";
    const own = all.full.p50 === 1 ? "its" : "their";
    return { text: `${number(all.full.p50, 6)} of ${count(all.series, "series", "series")} ${verb} ${share} of ${own} ceiling ${within}.`, tone: "bad", first };
  }
  if (all.full.p90) {
    return { text: `None of ${count(all.series, "series", "series")} is expected to reach ${share} of its ceiling ${within}, but ${number(all.full.p90, 6)} may.`, tone: "warn", first };
  }
  if (all.without_ceiling === all.series) {
    return { text: `No ceiling is known of ${all.series === 1 ? "this" : "these"} ${count(all.series, "series", "series")}.`, tone: "plain", first: null };
  }
  return { text: `None of ${count(all.series, "series", "series")} reaches ${share} of its ceiling ${within}.`, tone: "good", first: null };
}

/** Returns what is to be added to it. */
export function asides(answer) {
  const { outlook: all } = answer;
  const more = all.full.p50 ? all.full.p90 - all.full.p50 : 0;
  return [
    more > 0 && `${number(more, 6)} more may, at their p90`,
    all.without_ceiling > 0 && `${number(all.without_ceiling, 6)} without a known ceiling`,
    all.without_forecast > 0 && all.without_forecast < all.series && `${number(all.without_forecast, 6)} without a forecast`,
  ].filter(Boolean);
}

/** Returns a measured promise in two sentences. */
export function promise(quality) {
  const inside = Math.round(100 * quality.coverage);
  const windows = count(quality.windows, "held-out window");
  const error = ratio(quality.vs_naive);
  const better = quality.vs_naive <= 1;
  return [
    `Of 100 hours, ${inside} fell inside the band, in ${windows}. The band aims at 80.`,
    `The error is ${error} of the same-hour-yesterday rule's${better ? "." : ": here that rule would do better."}`,
  ];
}

/** Returns what a series' answer says of its ceiling: `{ text, tone }`. */
export function room(answer, amountOf) {
  const { capacity, start, horizon } = answer;
  const { within, ahead } = HORIZONS[horizon];
  const share = percent(capacity.threshold);
  if (!capacity.ceiling) return { text: `No ceiling to measure against: ${capacity.reason}.`, tone: "plain" };
  const ceiling = amountOf(capacity[capacity.ceiling]);
  if (capacity.full_on.p50) {
    return { text: `Expected to reach ${share} of its ${ceiling} on ${spoken(capacity.full_on.p50, start)}.`, tone: "bad" };
  }
  if (capacity.full_on.p90) {
    return { text: `May reach ${share} of its ${ceiling} on ${spoken(capacity.full_on.p90, start)} (p90); it is not expected to ${within}.`, tone: "warn" };
  }
  if (capacity.headroom.p90 === null) return { text: "There is no forecast to hold against the ceiling.", tone: "plain" };
  const left = amountOf(capacity.headroom.p90);
  return { text: `Stays below ${share} of its ${ceiling} for ${ahead}; the fullest hour leaves ${left} even at p90.`, tone: "good" };
}

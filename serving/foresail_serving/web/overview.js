// The overview: every series, what runs out first on top.

import * as place from "./address.js";
import { address, getJson } from "./api.js";
import { h, icon, keepingFocus, labelled, replace, say, segmented, unseen } from "./dom.js";
import { tableOf } from "./rows.js";
import { showFreshnessOf } from "./shell.js";
import { failure, skeletonTable } from "./states.js";
import { count, number } from "./units.js";
import { AHEAD, asides, METRICS, outlook, STATS } from "./words.js";

const PAGE = 50;
const DEFAULTS = { metric: "cpu", stat: "mean", horizon: "next_week", sort: "full_on" };
const FILTERS = ["metric", "stat", "horizon", "sort", "scope", "cluster", "namespace", "q"];
const SCOPES = { cluster: "Clusters", node: "Nodes", namespace: "Namespaces", workload: "Workloads" };
const SORTS = {
  full_on: "What runs out first",
  headroom: "Least room",
  peak: "Highest peak",
  promise: "Weakest promise",
  name: "Name",
};
const TYPING = 250;

/** Shows the overview in `main`; returns `{ refresh, leave }`. */
export function showOverview(main) {
  let chosen = chosenOf(place.read().parameters);
  let answer = null;
  let asking = new AbortController();
  let typing = 0;

  const heading = h("h1", { id: "title", tabindex: "-1" }, "Overview");
  const headline = h("div", { class: "headline" });
  const tools = h("form", { class: "tools", role: "search", "aria-label": "Which series", on: { submit: (event) => event.preventDefault() } });
  const list = h("div", { class: "list", "aria-busy": "true" });
  const pager = h("nav", { class: "pager", "aria-label": "Pages of series" });
  const search = h("input", {
    type: "search",
    id: "search",
    "data-key": "search",
    placeholder: "Search series",
    "aria-label": "Search series by name",
    "aria-keyshortcuts": "/",
    autocomplete: "off",
    spellcheck: "false",
    on: {
      input: () => {
        clearTimeout(typing);
        typing = setTimeout(() => choose({ q: search.value.trim() }, { quietly: true }), TYPING);
      },
    },
  });
  replace(main, heading, headline, tools, list, pager);
  replace(headline, h("p", { class: "bone w-head", "aria-hidden": "true" }), h("p", { class: "bone w-sub", "aria-hidden": "true" }));
  replace(list, skeletonTable());
  drawTools();

  function choose(changes, { quietly = false } = {}) {
    chosen = { ...chosen, page: 1, ...changes };
    const { page, ...filters } = chosen;
    const shown = Object.fromEntries(Object.entries(filters).filter(([name, value]) => value !== DEFAULTS[name]));
    place.go("overview", { ...shown, page: page > 1 ? page : "" }, { quietly });
  }

  async function load({ silently = false } = {}) {
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    if (!silently) {
      list.setAttribute("aria-busy", "true");
      say("Loading");
    }
    const filters = Object.fromEntries(FILTERS.map((name) => [name, chosen[name]]));
    try {
      answer = await getJson(address("v1/overview", { ...filters, limit: PAGE, offset: (chosen.page - 1) * PAGE }), { signal });
    } catch (error) {
      if (error.name === "AbortError") return;
      if (silently && answer) throw error;
      fail(error);
      throw error;
    }
    if (chosen.page > 1 && !answer.series.length && answer.total) {
      choose({ page: Math.ceil(answer.total / PAGE) }, { quietly: true });
      return;
    }
    draw();
  }

  function fail(error) {
    replace(headline);
    replace(pager);
    list.removeAttribute("aria-busy");
    tools.hidden = error.slug === "no-forecast" && !answer;
    replace(list, failure(error, () => load().catch(() => null)));
    say(error.title || "");
  }

  function draw() {
    showFreshnessOf(answer.metric, answer.start);
    document.title = "Foresail";
    tools.hidden = false;
    list.removeAttribute("aria-busy");
    drawHeadline();
    drawTools();
    const focused = document.activeElement?.dataset?.series;
    replace(list, answer.series.length ? tableOf(answer, chosen, (sort) => choose({ sort })) : nothing());
    if (focused) [...list.querySelectorAll("a[data-series]")].find((link) => link.dataset.series === focused)?.focus();
    drawPager();
    say(`${count(answer.total, "series", "series")}. ${outlook(answer).text}`);
  }

  function drawHeadline() {
    const { text, tone, first } = outlook(answer);
    const more = asides(answer);
    replace(
      headline,
      h("p", { class: `verdict ${tone}` }, text),
      h(
        "p",
        { class: "asides" },
        first ? ["The first is ", h("a", { href: seriesLink(first.series) }, first.series), `${first.quantile === "p90" ? ", at its p90," : ""} on ${first.when}.`, more.length ? h("br") : null] : null,
        more.join(" · "),
      ),
    );
  }

  function seriesLink(series) {
    return place.link("series", { series, metric: chosen.metric, stat: chosen.stat, horizon: chosen.horizon });
  }

  function drawTools() {
    const choices = answer?.choices;
    const metrics = choices ? Object.keys(choices.metrics) : [chosen.metric];
    const stats = choices?.metrics[chosen.metric] || [chosen.stat];
    if (document.activeElement !== search) search.value = chosen.q || "";
    const caret = search.selectionStart;
    keepingFocus(tools, () =>
      replace(
        tools,
        labelled("Metric", segmented("Metric", metrics.map((name) => [name, METRICS[name] || name]), chosen.metric, (metric) => choose({ metric }))),
        stats.length > 1 ? labelled("Each hour's", segmented("Of each hour", STATS, chosen.stat, (stat) => choose({ stat }))) : null,
        labelled("Ahead", segmented("How far ahead", AHEAD, chosen.horizon, (horizon) => choose({ horizon }))),
        choices && choices.clusters.length > 1 ? labelled("Cluster", select("cluster", "All clusters", choices.clusters)) : null,
        choices && choices.namespaces.length > 1 ? labelled("Namespace", select("namespace", "All namespaces", choices.namespaces)) : null,
        h("div", { class: "field sort-field" }, h("label", { for: "sort" }, "Order"), sortSelect()),
        h("div", { class: "field search-field" }, h("label", { class: "caption", for: "search" }, "Search"), h("div", { class: "search" }, icon("search"), search, h("kbd", { "aria-hidden": "true" }, "/"))),
        h("div", { class: "field scope-field" }, segmented("Scope", scopesOf(choices, chosen.scope), chosen.scope || "", (scope) => choose({ scope }))),
      ),
    );
    if (document.activeElement === search) search.setSelectionRange(caret, caret);
  }

  function select(name, nothingChosen, values) {
    const known = chosen[name] && !values.includes(chosen[name]) ? [chosen[name], ...values] : values;
    return h(
      "select",
      { "aria-label": nothingChosen, "data-key": name, on: { change: (event) => choose({ [name]: event.target.value }) } },
      h("option", { value: "" }, nothingChosen),
      known.map((value) => h("option", { value, selected: value === chosen[name] }, value)),
    );
  }

  function sortSelect() {
    return h(
      "select",
      { id: "sort", "data-key": "sort", on: { change: (event) => choose({ sort: event.target.value }) } },
      Object.entries(SORTS).map(([value, text]) => h("option", { value, selected: value === chosen.sort }, text)),
    );
  }

  function drawPager() {
    const { offset, total, series } = answer;
    const step = (text, picture, page, enabled) =>
      h("button", { type: "button", disabled: !enabled, on: { click: () => choose({ page }) } }, picture === "back" ? icon(picture) : null, text, picture === "next" ? icon(picture) : null);
    replace(
      pager,
      total > PAGE
        ? [
            step("Previous", "back", chosen.page - 1, offset > 0),
            h("span", {}, `${number(offset + 1, 6)}–${number(offset + series.length, 6)} of ${number(total, 6)}`),
            step("Next", "next", chosen.page + 1, answer.next_offset !== null),
          ]
        : null,
    );
  }

  function nothing() {
    return h(
      "section",
      { class: "state" },
      h("span", { class: "emblem" }, icon("search")),
      h("h2", {}, "No series fits"),
      h("p", {}, "Nothing that is forecast passes all of these filters."),
      h("div", { class: "actions" }, h("button", { type: "button", class: "primary", on: { click: () => choose({ scope: "", cluster: "", namespace: "", q: "" }) } }, "Clear the filters")),
    );
  }

  const started = load().catch(() => null);
  return {
    started,
    refresh: () => load({ silently: true }),
    redraw: () => answer && draw(),
    leave: () => {
      asking.abort();
      clearTimeout(typing);
    },
    moved: () => {
      chosen = chosenOf(place.read().parameters);
      drawTools();
      return load().catch(() => null);
    },
  };
}

function chosenOf(parameters) {
  const page = Math.max(1, Math.trunc(Number(parameters.page)) || 1);
  const known = Object.fromEntries(FILTERS.filter((name) => parameters[name]).map((name) => [name, parameters[name]]));
  return { ...DEFAULTS, ...known, page };
}

function scopesOf(choices, chosen) {
  const known = Object.entries(SCOPES).filter(([name]) => !choices || choices.scopes[name] || chosen === name);
  const all = choices ? Object.values(choices.scopes).reduce((sum, n) => sum + n, 0) : 0;
  return [["", withCount("All", all)], ...known.map(([name, label]) => [name, withCount(label, choices?.scopes[name])])];
}

function withCount(label, n) {
  return [label, n ? h("span", { class: "n" }, unseen(", "), number(n, 6)) : null].filter(Boolean);
}

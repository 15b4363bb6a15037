// One series: what it used, what it is forecast to use, what is promised, what it may use.

import * as place from "./address.js";
import { address, getJson } from "./api.js";
import { cardsOf, tableOf } from "./cards.js";
import { draw } from "./chart.js";
import { h, icon, keepingFocus, labelled, replace, say, segmented } from "./dom.js";
import { downloadsOf } from "./downloads.js";
import { pictureOf } from "./picture.js";
import { showFreshnessOf } from "./shell.js";
import { failure, skeletonChart } from "./states.js";
import { zoneName } from "./times.js";
import { amount } from "./units.js";
import { AHEAD, HORIZONS, METRICS, names, room, STATS, STATUS } from "./words.js";

const DEFAULTS = { metric: "cpu", stat: "mean", horizon: "next_week", step: "1h" };
const KNOWN = ["series", "metric", "stat", "horizon", "step", "agg", "challenger"];
const STEPS = { next_day: ["1h"], next_week: ["1h", "1d"], next_month: ["1h", "1d", "1w"] };
const STEP_NAMES = { "1h": "Hours", "1d": "Days", "1w": "Weeks" };
const AGGREGATES = [
  ["mean", "Mean", "The mean of its hours"],
  ["peak", "Highest hour", "Its highest hour"],
];

/** Shows a series in `main`; returns `{ refresh, leave }`. */
export function showSeries(main) {
  let chosen = chosenOf(place.read().parameters);
  let loaded = null;
  let asking = new AbortController();
  let chart = null;
  const top = h("div", { class: "series-top" });
  const tools = h("div", { class: "tools" });
  const legend = h("div", { class: "legend" });
  const canvas = h("div", { class: "canvas", "aria-hidden": "true" });
  const instead = h("p", { class: "unseen" }, "A chart of the history and the forecast; the table below holds the same figures.");
  const actions = h("div", { class: "chart-actions" });
  const figure = h("section", { class: "card chart", "aria-label": "Chart" }, h("div", { class: "chart-head" }, legend, actions), canvas, instead);
  const table = h("details", { class: "card figures" });
  const cards = h("div", { class: "cards" });
  const body = h("div", { class: "series-body", "aria-busy": "true" }, figure, cards, table);
  replace(main, top, tools, body);
  replace(canvas, skeletonChart());
  drawTop();
  drawTools();

  function choose(changes) {
    chosen = settled({ ...chosen, ...changes });
    const shown = Object.fromEntries(KNOWN.map((name) => [name, chosen[name] === DEFAULTS[name] ? "" : chosen[name]]));
    place.go("series", shown);
  }

  async function load({ silently = false } = {}) {
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    if (!silently) {
      body.setAttribute("aria-busy", "true");
      say("Loading");
    }
    const { series, metric, stat, horizon } = chosen;
    const question = questionOf(chosen);
    try {
      // what is said of peaks and ceilings is said of hours, whatever the chart's rows are
      const byHour = questionOf({ ...chosen, step: "1h" });
      const [past, hours, rows] = await Promise.all([
        getJson(address("v1/history", { series, metric, stat }), { signal }),
        getJson(address(`v1/${horizon}`, byHour), { signal }).catch(problemOf),
        chosen.step === "1h" ? null : getJson(address(`v1/${horizon}`, question), { signal }).catch(problemOf),
      ]);
      const forecast = hours instanceof Error ? hours : rows || hours;
      const challenger = past.challenger && chosen.challenger ? await getJson(address(`v1/${horizon}`, { ...question, alias: "challenger" }), { signal }).catch(problemOf) : null;
      loaded = { past, hours, forecast, challenger };
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(silently && loaded)) fail(error);
      throw error;
    }
    await drawAll();
  }

  function fail(error) {
    loaded = null;
    chart?.leave();
    chart = null;
    drawTop({ waiting: false });
    body.removeAttribute("aria-busy");
    replace(main, top, failure(error, again));
    say(error.title || "");
  }

  function again() {
    replace(main, top, tools, body);
    replace(canvas, skeletonChart());
    load().catch(() => null);
  }

  async function drawAll() {
    const { past, hours, forecast, challenger } = loaded;
    if (!body.isConnected) replace(main, top, tools, body);
    const answer = forecast instanceof Error ? null : forecast;
    const told = hours instanceof Error ? null : hours;
    if (told) showFreshnessOf(past.metric, told.start);
    drawTop();
    drawTools();
    const other = challenger instanceof Error ? null : challenger;
    const picture = pictureOf({ past, forecast: answer, challenger: other, horizon: chosen.horizon });
    drawLegend(picture, other);
    replace(cards, told ? cardsOf(told, past) : null, downloadsOf(chosen.horizon, questionOf(chosen)));
    tableOf(table, { past, answer, picture });
    body.removeAttribute("aria-busy");
    chart = await draw(canvas, picture, { name: `${chosen.metric}-${chosen.horizon}` });
    drawActions();
    say(`${past.series}. ${told ? room(told, (value) => amount(value, past.unit)).text : forecast.message}`);
  }

  function drawTop({ waiting = true } = {}) {
    const past = loaded?.past;
    const answer = loaded && !(loaded.hours instanceof Error) ? loaded.hours : null;
    const { name, where } = past ? names(past) : { name: chosen.series, where: "" };
    document.title = `${name} · Foresail`;
    const focused = top.contains(document.activeElement) ? document.activeElement.id : "";
    replace(
      top,
      h("a", { id: "back", class: "back", href: place.link("overview", overviewOf(chosen)) }, icon("back"), "Overview"),
      h("div", { class: "title" }, h("h1", { id: "title", tabindex: "-1" }, name), where ? h("span", { class: "where" }, where) : null, answer ? statusOf(answer) : null),
      loaded ? sentence(answer, past) : waiting ? h("p", { class: "bone w-head", "aria-hidden": "true" }) : null,
      answer?.reason ? h("p", { class: "asides" }, `${answer.reason.charAt(0).toUpperCase()}${answer.reason.slice(1)}${answer.code ? ` (${answer.code_name}, code ${answer.code})` : ""}.`) : null,
    );
    if (focused) document.getElementById(focused)?.focus();
  }

  function sentence(answer, past) {
    if (!answer) return h("p", { class: "verdict warn" }, `${loaded.hours.title || "No forecast"}: ${loaded.hours.message}.`);
    if (answer.status === "abstained") return h("p", { class: "verdict plain" }, `There is no forecast for ${HORIZONS[chosen.horizon].ahead}.`);
    const { text, tone } = room(answer, (value) => amount(value, past.unit));
    return h("p", { class: `verdict ${tone}` }, text);
  }

  function drawTools() {
    const past = loaded?.past;
    const metrics = past ? past.metrics : [chosen.metric];
    const stats = past ? past.stats : [chosen.stat];
    const steps = STEPS[chosen.horizon];
    keepingFocus(tools, () =>
      replace(
        tools,
        metrics.length > 1 ? labelled("Metric", segmented("Metric", metrics.map((name) => [name, METRICS[name] || name]), chosen.metric, (metric) => choose({ metric }))) : null,
        stats.length > 1 ? labelled("Each hour's", segmented("Of each hour", STATS, chosen.stat, (stat) => choose({ stat }))) : null,
        labelled("Ahead", segmented("How far ahead", AHEAD, chosen.horizon, (horizon) => choose({ horizon }))),
        steps.length > 1 ? labelled("In", segmented("Rows", steps.map((step) => [step, STEP_NAMES[step]]), chosen.step, (step) => choose({ step }))) : null,
        chosen.step === "1h" ? null : labelled("Its", segmented("Of each day or week", AGGREGATES, aggregateOf(chosen), (agg) => choose({ agg }))),
        past?.challenger ? labelled("Compare", challengerButton(past.challenger)) : null,
      ),
    );
  }

  function challengerButton({ version }) {
    const on = Boolean(chosen.challenger);
    const click = () => choose({ challenger: on ? "" : "1" });
    return h("button", { type: "button", class: "toggle", "data-key": "challenger", "aria-pressed": String(on), on: { click } }, h("span", { class: "swatch violet" }), `Challenger v${version}`);
  }

  function drawLegend(picture, other) {
    const { past } = loaded;
    const key = (kind, text) => h("span", { class: "key" }, h("span", { class: `swatch ${kind}` }), text);
    const unit = picture.unit ? `, ${picture.unit}` : "";
    replace(
      legend,
      h("span", { class: "chart-title" }, `${METRICS[past.metric] || past.metric}${unit}`),
      key("history", "Used"),
      picture.forecast ? [key("accent", "Forecast (p50)"), key("band", "p10 to p90")] : null,
      other && picture.challenger ? key("violet", `Challenger v${past.challenger.version}`) : null,
      picture.step !== "1h" && loaded.forecast.quantiles_of === "hours" ? h("span", { class: "hint" }, "the band is that of hours") : null,
    );
  }

  function drawActions() {
    replace(
      actions,
      chart.save ? h("button", { type: "button", class: "quiet", title: "Whole range", "aria-label": "Show the whole range", on: { click: chart.reset } }, icon("reset")) : null,
      chart.save ? h("button", { type: "button", class: "quiet", title: "Save as a picture", "aria-label": "Save the chart as a picture", on: { click: chart.save } }, icon("picture")) : null,
    );
  }

  const started = load().catch(() => null);
  return {
    started,
    refresh: () => load({ silently: true }),
    redraw: () => (chosen.step === "1h" ? loaded && drawAll() : load({ silently: true }).catch(() => null)),
    leave: () => {
      asking.abort();
      chart?.leave();
    },
    moved: () => {
      const before = chosen.series;
      chosen = chosenOf(place.read().parameters);
      if (before !== chosen.series) loaded = null;
      drawTools();
      return load().catch(() => null);
    },
  };
}

function problemOf(error) {
  if (error.name === "AbortError" || error.slug === "unreachable" || error.status === 401) throw error;
  return error;
}

function chosenOf(parameters) {
  const known = Object.fromEntries(KNOWN.filter((name) => parameters[name]).map((name) => [name, parameters[name]]));
  return settled({ ...DEFAULTS, ...known });
}

function settled(chosen) {
  const horizon = STEPS[chosen.horizon] ? chosen.horizon : DEFAULTS.horizon;
  const step = STEPS[horizon].includes(chosen.step) ? chosen.step : "1h";
  return { ...chosen, horizon, step, agg: step === "1h" ? "" : chosen.agg };
}

function aggregateOf({ agg, stat }) {
  return agg || (stat === "max" ? "peak" : "mean");
}

function questionOf({ series, metric, stat, step, agg }) {
  const whole = step === "1h" ? {} : { step, agg: agg || "", tz: zoneName() === "UTC" ? "" : zoneName() };
  return { series, metric: metric === "cpu" ? "" : metric, stat: stat === "mean" ? "" : stat, ...whole };
}

function overviewOf({ metric, stat, horizon }) {
  return {
    metric: metric === DEFAULTS.metric ? "" : metric,
    stat: stat === DEFAULTS.stat ? "" : stat,
    horizon: horizon === DEFAULTS.horizon ? "" : horizon,
  };
}

function statusOf(answer) {
  if (answer.status === "ok" && !answer.code) return null;
  const [text, tone] = answer.status === "ok" ? [answer.code_name, "plain"] : STATUS[answer.status];
  return h("span", { class: `badge ${tone}` }, text);
}

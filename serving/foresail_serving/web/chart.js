// Draws a picture with plotly where the server has it, else as plain SVG.

import { drawPlain } from "./drawing.js";

let loading = null;

function loadPlotly() {
  const { plotly: file, plotlyGuard: guard } = document.body.dataset;
  if (!file) return Promise.resolve(null);
  loading ??= new Promise((resolve) => {
    if (guard) {
      // the script looks for this element before it writes a style sheet, which no policy of ours allows
      const element = document.createElement("meta");
      element.id = guard;
      document.head.append(element);
    }
    const script = document.createElement("script");
    script.src = new URL(`./${file}`, import.meta.url).href;
    script.addEventListener("load", () => resolve(window.Plotly || null));
    script.addEventListener("error", () => {
      loading = null;
      resolve(null);
    });
    document.head.append(script);
  });
  return loading;
}

/** Draws a picture into an element; returns `{ reset, save, leave }`, null where there is no such way. */
export async function draw(element, picture, { name }) {
  const plotly = await loadPlotly();
  if (!plotly) {
    drawPlain(element, picture);
    return { reset: null, save: null, leave: () => element.replaceChildren() };
  }
  const look = lookOf(element);
  if (!element.classList.contains("js-plotly-plot")) element.replaceChildren();
  await plotly.react(element, tracesOf(picture, look), layoutOf(picture, look, element.clientWidth), {
    displayModeBar: false,
    responsive: true,
    scrollZoom: false,
    doubleClick: "reset",
    showTips: false,
  });
  // plotly measures text in a picture of its own, which says nothing to a screen reader
  document.getElementById("js-plotly-tester")?.setAttribute("aria-hidden", "true");
  return {
    reset: () => plotly.relayout(element, { "xaxis.autorange": true, "yaxis.range": [...rangeOf(picture)] }),
    save: () => plotly.downloadImage(element, { format: "png", scale: 2, filename: name }),
    leave: () => plotly.purge(element),
  };
}

function lookOf(element) {
  const style = getComputedStyle(element);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    ink: colour("ink"),
    quiet: colour("ink-3"),
    line: colour("line"),
    grid: colour("grid"),
    surface: colour("surface"),
    history: colour("history"),
    accent: colour("accent"),
    band: colour("band"),
    other: colour("violet"),
    otherBand: colour("violet-band"),
    danger: colour("danger"),
    warn: colour("warn"),
    font: style.fontFamily,
  };
}

function tracesOf(picture, look) {
  const whole = picture.step !== "1h";
  const mode = whole ? "lines+markers" : "lines";
  const unit = picture.unit ? ` ${picture.unit}` : "";
  const traces = [
    { x: picture.history.x, y: picture.history.y, mode, name: "Used", line: { color: look.history, width: 1.5 }, marker: { size: 5 }, connectgaps: false, hovertemplate: `%{y:.4~g}${unit}` },
  ];
  const band = (of, name, colour, fill, dash) => {
    const edge = { x: of.x, mode: "lines", line: { width: 0, color: colour }, hoverinfo: "skip", showlegend: false };
    return [
      { ...edge, y: of.p10 },
      { ...edge, y: of.p90, fill: "tonexty", fillcolor: fill },
      {
        x: of.x,
        y: of.p50,
        mode,
        name,
        line: { color: colour, width: 2.25, dash },
        marker: { size: 5 },
        customdata: of.p10.map((low, row) => [low, of.p90[row]]),
        hovertemplate: `<b>%{y:.4~g}</b>${unit} (%{customdata[0]:.3~g} to %{customdata[1]:.3~g})`,
      },
    ];
  };
  if (picture.challenger) traces.push(...band(picture.challenger, "Challenger", look.other, look.otherBand, "dot"));
  if (picture.forecast) traces.push(...band(picture.forecast, "Forecast", look.accent, look.band, "solid"));
  if (picture.full) {
    const { x, y, quantile } = picture.full;
    const colour = quantile === "p50" ? look.danger : look.warn;
    traces.push({ x: [x], y: [y], mode: "markers", name: "Full", hoverinfo: "skip", marker: { size: 11, color: colour, line: { color: look.surface, width: 2 } } });
  }
  return traces.map((trace) => ({ type: "scatter", ...trace }));
}

function rangeOf({ low, most }) {
  const room = 0.06 * (most - low || 1);
  return [low < 0 ? low - room : 0, most + room];
}

function layoutOf(picture, look, width) {
  const narrow = width < 560;
  const font = { family: look.font, size: 12, color: look.quiet };
  const label = { showarrow: false, font: { ...font, size: 11.5 }, bgcolor: look.surface, borderpad: 2 };
  const shapes = [];
  const notes = [];
  const across = (y, colour, dash, text) => {
    shapes.push({ type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, line: { color: colour, width: 1.25, dash }, layer: "below" });
    notes.push({ ...label, xref: "paper", x: 0, xanchor: "left", y, yanchor: "middle", xshift: 6, text, font: { ...label.font, color: colour } });
  };
  if (picture.ceiling !== null) {
    across(picture.ceiling, look.danger, "solid", `${picture.ceilingName} ${format(picture.ceiling)}`);
    across(picture.ceiling * picture.threshold, look.warn, "dash", `${Math.round(100 * picture.threshold)} %`);
  }
  if (picture.now) {
    shapes.push({ type: "line", x0: picture.now, x1: picture.now, yref: "paper", y0: 0, y1: 1, line: { color: look.quiet, width: 1, dash: "dot" } });
    notes.push({ ...label, x: picture.now, yref: "paper", y: 0, yanchor: "bottom", xanchor: "right", xshift: -4, text: "now" });
  }
  if (picture.full) {
    const { x, y, text, quantile } = picture.full;
    const colour = quantile === "p50" ? look.danger : look.warn;
    const left = x > lateIn(picture);
    shapes.push({ type: "line", x0: x, x1: x, y0: rangeOf(picture)[0], y1: y, line: { color: colour, width: 1.25 }, layer: "below" });
    notes.push({ ...label, x, yref: "paper", y: 0, yanchor: "bottom", xanchor: left ? "right" : "left", xshift: left ? -4 : 4, text, font: { ...label.font, color: colour, weight: 600 } });
  }
  return {
    font,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: narrow ? 40 : 48, r: 12, t: 12, b: 44 },
    showlegend: false,
    hovermode: "x unified",
    hoverlabel: { bgcolor: look.surface, bordercolor: look.line, font: { ...font, color: look.ink }, namelength: -1 },
    dragmode: narrow ? false : "zoom",
    shapes,
    annotations: notes,
    xaxis: {
      type: "date",
      showgrid: false,
      linecolor: look.line,
      tickcolor: look.line,
      ticks: "outside",
      ticklen: 5,
      nticks: Math.max(3, Math.floor(width / 82)),
      tickformatstops: [
        { dtickrange: [null, 43200000], value: "%H:%M\n%a %-d %b" },
        { dtickrange: [43200001, null], value: "%a\n%-d %b" },
      ],
      hoverformat: picture.step === "1h" ? "%a %-d %b, %H:%M" : "%a %-d %b",
      spikecolor: look.quiet,
      spikethickness: 1,
      spikedash: "dot",
      automargin: true,
      fixedrange: narrow,
    },
    yaxis: { range: rangeOf(picture), gridcolor: look.grid, zeroline: false, ticklen: 4, tickcolor: "rgba(0,0,0,0)", fixedrange: true, automargin: true, nticks: 7, separatethousands: true },
  };
}

/** Returns from where on a note has no room to its right. */
function lateIn({ history, forecast }) {
  const all = [...history.x, ...(forecast ? forecast.x : [])];
  return all[Math.floor(all.length * 0.8)];
}

function format(value) {
  return new Intl.NumberFormat("en-GB", { maximumSignificantDigits: 3 }).format(value);
}

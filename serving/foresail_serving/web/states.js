// What is shown while there is nothing to show.

import { h, icon } from "./dom.js";

/** Returns grey rows in place of a table that is on its way. */
export function skeletonTable(rows = 8) {
  return h(
    "div",
    { class: "skeleton-table", "aria-hidden": "true" },
    Array.from({ length: rows }, () => h("div", { class: "skeleton-row" }, [3, 4, 2, 3, 2, 2].map((width) => h("span", { class: `bone w${width}` })))),
  );
}

/** Returns a grey picture in place of a chart that is on its way. */
export function skeletonChart() {
  return h("div", { class: "skeleton-chart bone", "aria-hidden": "true" });
}

/** Returns what is shown where something went wrong. */
export function failure(error, again) {
  if (error.slug === "no-forecast") return empty(error, again);
  const offline = error.slug === "unreachable";
  const hint = HINTS[error.slug];
  return h(
    "section",
    { class: "state", role: "alert" },
    h("span", { class: "emblem bad" }, icon("warn")),
    h("h2", {}, offline ? "The server does not answer" : error.title || "Something went wrong"),
    h("p", {}, offline ? error.message : sentence(error.message)),
    hint ? h("p", { class: "hint" }, hint) : null,
    h("div", { class: "actions" }, h("button", { type: "button", class: "primary", on: { click: again } }, "Try again"), h("a", { class: "button", href: "#/" }, "Overview")),
  );
}

const HINTS = {
  "forecast-expired": "A new forecast has to be trained and promoted; this page shows it once it is served.",
  "forecast-not-begun": "The clock of this server or of the one that trained may be wrong.",
  "unknown-series": "It may have ended, or this link may be from another cluster.",
};

function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

function empty(error, again) {
  return h(
    "section",
    { class: "state", role: "alert" },
    h("span", { class: "emblem" }, icon("clock")),
    h("h2", {}, "No forecast has arrived yet"),
    h("p", {}, sentence(error.message)),
    h(
      "ol",
      { class: "steps" },
      h("li", {}, "Run the training pipeline, or on a laptop ", h("code", {}, "scripts/demo"), "."),
      h("li", {}, "Promote its model: the alias ", h("code", {}, "champion"), " in MLflow."),
      h("li", {}, "Start the server with ", h("code", {}, "foresail serve --tracking-uri URL"), ". It follows the alias by itself."),
    ),
    h("div", { class: "actions" }, h("button", { type: "button", class: "primary", on: { click: again } }, "Look again"), h("a", { class: "button", href: "health" }, "What sync sees")),
    h("p", { class: "hint" }, "This page looks again every minute."),
  );
}

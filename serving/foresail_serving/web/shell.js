// What surrounds every view: the bar on top, the banners, the question for a token.

import { getJson, hasToken, keepToken } from "./api.js";
import { h, icon, replace, s, segmented } from "./dom.js";
import { ahead, shownZone, showZone, span, zoneName } from "./times.js";
import { count } from "./units.js";

const THEMES = [
  ["light", "sun", "Light"],
  ["dark", "moon", "Dark"],
  ["auto", "half", "As the system"],
];

/** Draws the bar; `changed` is called when the zone or the theme is another. */
export function drawBar(changed) {
  const bar = document.getElementById("bar");
  const docs = document.body.dataset.page === "docs";
  replace(
    bar,
    h("a", { class: "brand", href: docs ? "./" : "#/", "aria-label": "Foresail, overview" }, mark(), h("span", {}, "Foresail")),
    h(
      "nav",
      { "aria-label": "Pages" },
      h("a", { href: docs ? "./" : "#/", "aria-current": docs ? null : "page" }, "Overview"),
      h("a", { href: "docs", "aria-current": docs ? "page" : null }, "API"),
    ),
    h("div", { class: "grow" }),
    docs ? null : h("div", { id: "fresh", class: "fresh" }),
    docs
      ? null
      : segmented(
          "Time zone",
          [
            ["local", "Local", localName()],
            ["utc", "UTC", "UTC"],
          ],
          shownZone(),
          (name) => {
            showZone(name);
            drawBar(changed);
            changed();
          },
        ),
    themeButton(() => {
      drawBar(changed);
      changed();
    }),
  );
  if (!docs) drawFreshness();
}

function localName() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "This machine's zone";
}

function mark() {
  return s(
    "svg",
    { class: "mark", viewBox: "0 0 32 32", "aria-hidden": "true", focusable: "false" },
    s("path", { class: "mark-deep", d: "M17 3c6 6 9 12 9 19H17z" }),
    s("path", { class: "mark-light", d: "M15 7v15H5c5-3 9-8 10-15z" }),
    s("path", { class: "mark-deep", d: "M4 24.500h24c-2 3-4.5 4.5-8 4.500h-8c-3.5 0-6-1.5-8-4.500z" }),
  );
}

function themeButton(changed) {
  const now = document.documentElement.dataset.theme || "auto";
  const place = THEMES.findIndex(([name]) => name === now);
  const [, picture, label] = THEMES[place];
  const [next, , nextLabel] = THEMES[(place + 1) % THEMES.length];
  const button = h(
    "button",
    {
      type: "button",
      class: "quiet round",
      id: "theme",
      title: `Theme: ${label}`,
      "aria-label": `Theme: ${label}. Change to ${nextLabel}`,
      on: {
        click: () => {
          setTheme(next);
          changed();
          document.getElementById("theme").focus();
        },
      },
    },
    icon(picture),
  );
  return button;
}

function setTheme(name) {
  if (name === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  try {
    localStorage.setItem("foresail-theme", name);
  } catch {
    // it holds for this page then
  }
}

const FRESH = {
  fresh: ["good", "Fresh"],
  stale: ["warn", "Stale"],
  expired: ["bad", "Expired"],
};
let health = null;
let shown = { metric: null, start: null };

/** Tells the bar which metric is looked at, and what the server takes for now. */
export function showFreshnessOf(metric, start) {
  shown = { metric, start };
  drawFreshness();
}

/** Asks how the server is; trouble becomes a banner. */
export async function watchHealth() {
  try {
    health = await getJson("health", { also: [503], quietly: true });
  } catch (error) {
    if (error.slug !== "unreachable") health = null;
    return;
  }
  drawFreshness();
  banner("health", healthBanner());
}

function healthBanner() {
  if (!health || health.status === "ok" || health.status === "no-forecast") return null;
  const told = {
    stale: "The forecast is older than it should be.",
    degraded: "Part of what is expected is not served, or nothing new arrives.",
    expired: "The forecast has run out.",
  };
  const tone = health.status === "expired" ? "bad" : "warn";
  return { tone, title: told[health.status] || health.status, text: health.reasons.join("; ") };
}

function drawFreshness() {
  const place = document.getElementById("fresh");
  if (!place) return;
  const model = health && health.models.find((one) => one.metric === shown.metric);
  if (!model || !shown.start) {
    replace(place);
    return;
  }
  const [tone, label] = FRESH[model.status];
  const age = span(model.trained_until, shown.start);
  const title = `${model.name} version ${model.version}, ${count(model.series, "series", "series")}, covers ${ahead(shown.start, model.covers_until).replace("in ", "the next ")}`;
  replace(place, h("span", { class: `pill ${tone}`, title }, h("span", { class: "dot" }), label, h("span", { class: "fresh-age" }, ` · knows until ${age} ago`)));
}

const banners = new Map();

/** Shows a banner under a name, `{ tone, title, text, action }`; null takes it away. */
export function banner(name, told) {
  const key = JSON.stringify(told && [told.tone, told.title, told.text]);
  if (banners.get(name)?.key === key) return;
  banners.delete(name);
  if (told) banners.set(name, { key, told });
  replace(
    document.getElementById("banners"),
    [...banners.values()].map(({ told: one }) =>
      h(
        "div",
        { class: `banner ${one.tone}` },
        icon("warn"),
        h("p", {}, h("strong", {}, one.title), one.text ? ` ${one.text}` : null),
        one.action ? h("button", { type: "button", on: { click: one.action.run } }, one.action.label) : null,
      ),
    ),
  );
}

/** Asks for a token; `again` is called once there is one. */
export function askForToken(problem, again) {
  if (document.querySelector("dialog.token")) return;
  const wrong = hasToken();
  const input = h("input", { type: "password", id: "token", autocomplete: "off", spellcheck: "false", required: true, "aria-describedby": "token-why" });
  const form = h(
    "form",
    {
      on: {
        submit: (event) => {
          event.preventDefault();
          keepToken(input.value);
          dialog.close();
          again();
        },
      },
    },
    h("span", { class: "emblem" }, icon("key")),
    h("h2", { id: "token-title" }, "This server wants a token"),
    h(
      "p",
      { id: "token-why" },
      wrong ? `The token was not accepted: ${problem.message}` : "Paste the access token you were given. It stays in this tab until you close it.",
    ),
    h("label", { for: "token" }, "Access token"),
    input,
    h("div", { class: "actions" }, h("button", { type: "submit", class: "primary" }, "Open")),
  );
  const dialog = h("dialog", { class: "token", "aria-labelledby": "token-title", on: { close: () => dialog.remove() } }, form);
  document.body.append(dialog);
  dialog.showModal();
  input.focus();
}

/** Draws the foot. */
export function drawFoot() {
  replace(
    document.getElementById("foot"),
    h("span", {}, `Times in ${zoneName()}`),
    h("span", { class: "keys" }, h("kbd", {}, "/"), " search ", h("kbd", {}, "↑"), h("kbd", {}, "↓"), " move ", h("kbd", {}, "Enter"), " open ", h("kbd", {}, "Esc"), " back"),
  );
}

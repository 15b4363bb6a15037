// Starts the page: which view is shown, and that it stays true while it is looked at.

import * as place from "./address.js";
import { showOverview } from "./overview.js";
import { showSeries } from "./series.js";
import { askForToken, banner, drawBar, drawFoot, watchHealth } from "./shell.js";
import { moment } from "./times.js";

const LOOK_AGAIN = 60e3;
const VIEWS = { overview: showOverview, series: showSeries };
const main = document.getElementById("main");
let view = null;
let name = "";
let seen = null;

function show() {
  const wanted = VIEWS[place.read().view] ? place.read().view : "overview";
  if (view && wanted === name) {
    view.moved();
    return;
  }
  const first = view === null;
  view?.leave();
  name = wanted;
  document.body.dataset.view = name;
  view = VIEWS[name](main);
  if (!first) {
    window.scrollTo(0, 0);
    document.getElementById("title")?.focus({ preventScroll: true });
  }
  view.started.then(arrived);
}

function arrived() {
  seen = new Date();
  document.body.dataset.ready = name;
}

async function lookAgain() {
  if (document.visibilityState !== "visible" || document.querySelector("dialog[open]")) return;
  const [shown] = await Promise.allSettled([view.refresh(), watchHealth()]);
  if (shown.status === "fulfilled") {
    seen = new Date();
    banner("offline", null);
  } else if (shown.reason?.name !== "AbortError") {
    const since = seen ? `What is shown was read ${moment(seen.toISOString())}.` : "";
    banner("offline", { tone: "bad", title: `${shown.reason.title || "The page cannot be renewed"}.`, text: since, action: { label: "Try again", run: lookAgain } });
  }
}

function redraw() {
  drawFoot();
  view?.redraw();
}

document.addEventListener("foresail:address", show);
document.addEventListener("foresail:token", (event) =>
  askForToken(event.detail, () => {
    view.moved();
    watchHealth();
  }),
);
document.addEventListener("foresail:look-again", lookAgain);
window.addEventListener("popstate", show);
window.addEventListener("online", lookAgain);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && seen && Date.now() - seen > LOOK_AGAIN && lookAgain());
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea, dialog");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const search = document.getElementById("search");
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select();
  } else if (event.key === "Escape" && !event.target.closest("dialog")) {
    if (event.target.id === "search") event.target.blur();
    else if (name === "series" && !typing) document.getElementById("back")?.click();
  }
});

drawBar(redraw);
drawFoot();
show();
watchHealth();
setInterval(lookAgain, LOOK_AGAIN);

// Take the figures along: files, a line for the shell, a formula for a sheet.

import { address, getFile, hasToken } from "./api.js";
import { h, icon, say } from "./dom.js";

const FORMS = [
  ["csv", "CSV"],
  ["xlsx", "XLSX"],
  ["json", "JSON"],
];

/** Returns the card with the downloads of a question. */
export function downloadsOf(horizon, question) {
  const path = (form) => address(`v1/${horizon}.${form}`, question);
  const whole = (form) => new URL(path(form), document.baseURI).href;
  const token = hasToken() ? ' -H "Authorization: Bearer $TOKEN"' : "";
  return h(
    "section",
    { class: "card take", "aria-labelledby": "take" },
    h("h2", { id: "take" }, "Take it along"),
    h(
      "div",
      { class: "files" },
      FORMS.map(([form, label]) => h("a", { class: "button", href: path(form), download: "", on: { click: (event) => hasToken() && fetched(event, path(form), `${horizon}.${form}`) } }, icon("down"), label)),
    ),
    copyable("Shell", `curl -fsS${token} '${whole("json").replaceAll("'", "%27")}'`),
    copyable("Google Sheets", `=IMPORTDATA("${whole("csv")}")`),
  );
}

/** With a token a plain link would be refused: the file is fetched, and handed over. */
async function fetched(event, url, fallback) {
  event.preventDefault();
  const link = event.currentTarget;
  try {
    const { blob, name } = await getFile(url);
    const handed = h("a", { href: URL.createObjectURL(blob), download: name || fallback });
    handed.click();
    setTimeout(() => URL.revokeObjectURL(handed.href), 60e3);
  } catch (error) {
    say(`The download failed: ${error.message}`);
    link.after(h("span", { class: "sub bad", role: "alert" }, error.message));
  }
}

function copyable(label, text) {
  const field = h("input", { type: "text", readonly: true, value: text, "aria-label": `${label} line`, on: { focus: () => field.select() } });
  const button = h("button", { type: "button", title: "Copy", "aria-label": `Copy the ${label} line`, on: { click: () => copy(field, button) } }, icon("copy"));
  return h("div", { class: "copyable" }, h("span", { class: "caption", "aria-hidden": "true" }, label), h("div", { class: "copy" }, field, button));
}

async function copy(field, button) {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    say("Copied");
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 1500);
  } catch {
    // pages without TLS may not write there: the line is selected, ready for the keyboard
    say("Selected; copy it with the keyboard");
  }
}

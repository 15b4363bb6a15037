// The reference of the API, drawn from the document that the server gives of itself.

import { address, ask, getJson } from "./api.js";
import { h, replace, say } from "./dom.js";
import { askForToken, drawBar } from "./shell.js";
import { failure } from "./states.js";

const main = document.getElementById("main");
const SHOWN = 20_000;
const SECTIONS = { forecasts: "Forecasts", files: "Files", overview: "Overview and history", catalog: "Catalogue", prometheus: "Prometheus query API", server: "The server" };

async function show() {
  replace(main, h("p", { class: "bone w-head", "aria-hidden": "true" }), h("p", { class: "bone w-sub", "aria-hidden": "true" }));
  say("Loading");
  try {
    draw(await getJson("openapi.json"));
  } catch (error) {
    replace(main, failure(error, show));
  }
}

function draw(document_) {
  const sections = new Map();
  for (const [path, methods] of Object.entries(document_.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags?.[0] || "other";
      if (!sections.has(tag)) sections.set(tag, []);
      sections.get(tag).push({ path, method: method.toUpperCase(), operation });
    }
  }
  replace(
    main,
    h("div", { class: "docs" }, contents(sections), h("div", { class: "docs-body" }, intro(document_), [...sections].map(([tag, operations]) => section(tag, operations, document_)))),
  );
  say(`${[...sections.values()].flat().length} operations`);
  window.document.body.dataset.ready = "docs";
  if (location.hash) window.document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
}

function contents(sections) {
  return h(
    "nav",
    { class: "contents", "aria-label": "Operations" },
    [...sections].map(([tag, operations]) => [
      h("h2", {}, SECTIONS[tag] || tag),
      h("ul", {}, operations.map(({ path, method, operation }) => h("li", {}, h("a", { href: `#${operation.operationId}` }, method === "GET" ? null : h("span", { class: "method" }, method), path)))),
    ]),
  );
}

function intro({ info }) {
  return h("header", { class: "docs-intro" }, h("h1", { id: "title", tabindex: "-1" }, info.title, h("span", { class: "badge" }, `version ${info.version}`)), h("p", {}, rich(info.description || "")), h("p", {}, h("a", { href: "openapi.json" }, "openapi.json")));
}

function section(tag, operations, whole) {
  return h("section", { "aria-label": SECTIONS[tag] || tag }, h("h2", { class: "docs-section" }, SECTIONS[tag] || tag), operations.map((one) => card(one, whole)));
}

function card({ path, method, operation }, whole) {
  const parameters = (operation.parameters || []).map((one) => ({ ...one, schema: resolved(one.schema || {}, whole) }));
  const about = operation.description && operation.description !== operation.summary ? h("p", { class: "about" }, rich(operation.description)) : null;
  return h(
    "article",
    { class: "card operation", id: operation.operationId, "aria-labelledby": `${operation.operationId}-title` },
    h("div", { class: "operation-head" }, h("h3", { id: `${operation.operationId}-title` }, h("span", { class: "method" }, method), h("code", {}, path)), h("p", {}, operation.summary)),
    about,
    parameters.length ? parameterTable(parameters) : null,
    method === "GET" ? trial(path, parameters) : null,
    answers(operation.responses || {}),
  );
}

function resolved(schema, whole) {
  if (schema.$ref) return resolved(whole.components.schemas[schema.$ref.split("/").pop()] || {}, whole);
  return schema;
}

function parameterTable(parameters) {
  return h(
    "div",
    { class: "scroll-x", tabindex: "0", role: "region", "aria-label": "Parameters" },
    h(
      "table",
      { class: "parameters", "aria-label": "Parameters" },
      h("thead", {}, h("tr", {}, ["Parameter", "What", "Default"].map((name) => h("th", { scope: "col" }, name)))),
      h(
        "tbody",
        {},
        parameters.map(({ name, required, description, schema }) =>
          h("tr", {}, h("th", { scope: "row" }, h("code", {}, name), required ? h("span", { class: "badge warn" }, "required") : null), h("td", {}, rich(description || schema.description || ""), h("span", { class: "sub" }, kind(schema))), h("td", {}, schema.default === undefined || schema.default === null ? "" : h("code", {}, String(schema.default)))),
        ),
      ),
    ),
  );
}

/** Returns what values a schema allows, in words. */
function kind(schema) {
  const options = (schema.anyOf || [schema]).filter((one) => one.type !== "null");
  return options
    .map((one) => {
      if (one.enum) return one.enum.join(" | ");
      if (one.const !== undefined) return String(one.const);
      const bounds = [one.minimum !== undefined && `from ${one.minimum}`, one.maximum !== undefined && `to ${one.maximum}`].filter(Boolean).join(" ");
      return [{ string: "text", integer: "whole number", number: "number", boolean: "true or false" }[one.type] || one.type || "", bounds].filter(Boolean).join(" ");
    })
    .filter(Boolean)
    .join(" or ");
}

function choicesOf(schema) {
  return (schema.anyOf || [schema]).flatMap((one) => one.enum || []);
}

function trial(path, parameters) {
  const inputs = new Map();
  const answer = h("div", { class: "trial-answer", "aria-live": "polite" });
  const line = h("code", { class: "trial-line" });
  const url = () => address(
    path.slice(1).replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(inputs.get(name)?.value || "")),
    Object.fromEntries([...inputs].filter(([name]) => !path.includes(`{${name}}`)).map(([name, input]) => [name, input.value])),
  );
  const told = () => replace(line, `curl -fsS '${new URL(url(), document.baseURI).href.replaceAll("'", "%27")}'`);
  const fields = parameters.map(({ name, schema, required }) => {
    const choices = choicesOf(schema);
    const on = { input: told };
    const input = choices.length
      ? h("select", { "aria-label": name, on }, required ? null : h("option", { value: "" }, ""), choices.map((value) => h("option", { value }, String(value))))
      : h("input", { type: "text", "aria-label": name, placeholder: schema.default ?? "", autocomplete: "off", spellcheck: "false", required, on });
    inputs.set(name, input);
    return h("label", {}, h("span", { class: "caption" }, name), input);
  });
  told();
  const form = h(
    "form",
    { class: "trial-form", on: { submit: (event) => { event.preventDefault(); send(url(), answer); } } },
    h("div", { class: "trial-fields" }, fields),
    h("div", { class: "trial-send" }, line, h("button", { type: "submit", class: "primary" }, "Send")),
    answer,
  );
  return h("details", { class: "trial" }, h("summary", {}, "Try it"), form);
}

async function send(url, place) {
  replace(place, h("p", { class: "hint" }, "Waiting for the answer …"));
  try {
    const response = await ask(url, { accept: "*/*" });
    const type = response.headers.get("Content-Type") || "";
    const readable = /json|text|csv|yaml/.test(type);
    const text = readable ? await response.text() : "";
    replace(
      place,
      h("p", {}, h("strong", { class: response.ok ? "good" : "bad" }, String(response.status)), ` ${type}`),
      readable ? h("pre", { tabindex: "0" }, pretty(text, type)) : h("p", { class: "hint" }, "The answer is a file."),
    );
  } catch (error) {
    replace(place, h("p", { class: "bad" }, error.message));
  }
}

function pretty(text, type) {
  let shown = text;
  if (type.includes("json")) {
    try {
      shown = JSON.stringify(JSON.parse(text), null, 1).replace(/\[\s+([^[\]{}]*?)\s+\]/g, (_, inner) => `[${inner.replace(/\s*\n\s*/g, " ")}]`);
    } catch {
      // it is shown as it came
    }
  }
  return shown.length > SHOWN ? `${shown.slice(0, SHOWN)}\n… ${shown.length - SHOWN} more characters` : shown;
}

function answers(responses) {
  return h(
    "details",
    { class: "answers" },
    h("summary", {}, "Answers"),
    Object.entries(responses).map(([status, response]) =>
      h("div", { class: "answer" }, h("p", {}, h("strong", {}, status), ` ${response.description || ""}`), Object.entries(response.content || {}).map(([type, content]) => examplesOf(type, content))),
    ),
  );
}

function examplesOf(type, content) {
  const examples = content.example === undefined ? Object.values(content.examples || {}).map((one) => one.value) : [content.example];
  return [h("p", { class: "sub" }, type), examples.slice(0, 1).map((example) => h("pre", { tabindex: "0" }, typeof example === "string" ? example : pretty(JSON.stringify(example), "json")))];
}

/** Returns text with what stands between backquotes as code. */
function rich(text) {
  return text.split("`").map((part, n) => (n % 2 ? h("code", {}, part) : part));
}

document.addEventListener("foresail:token", (event) => askForToken(event.detail, show));
drawBar(() => null);
show();

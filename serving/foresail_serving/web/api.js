// Asks the server, with the reader's token where one was given.

const KEY = "foresail-token";
let token = read();

function read() {
  try {
    return sessionStorage.getItem(KEY) || "";
  } catch {
    return "";
  }
}

/** Keeps a token until the tab is closed; an empty one is forgotten. */
export function keepToken(text) {
  token = text.trim();
  try {
    if (token) sessionStorage.setItem(KEY, token);
    else sessionStorage.removeItem(KEY);
  } catch {
    // it holds for this page then
  }
}

/** Says whether a token is sent. */
export function hasToken() {
  return token !== "";
}

/** An answer that is a problem; `slug` is its type, `retry` how many seconds to wait. */
export class Problem extends Error {
  constructor(status, body, retry) {
    super(body.detail || body.title || `The server answered ${status}.`);
    this.status = status;
    this.title = body.title || `Status ${status}`;
    this.slug = String(body.type || "").replace("urn:foresail:problem:", "");
    this.body = body;
    this.retry = retry;
  }
}

/** No answer at all. */
export class Unreachable extends Error {
  constructor() {
    super("The server does not answer. Is it running, and can this machine reach it?");
    this.title = "No answer";
    this.slug = "unreachable";
  }
}

/** Returns a path with its query; parameters that are empty are left out. */
export function address(path, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null && value !== ""));
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** Returns the response of a GET, whatever its status. */
export async function ask(url, { signal, accept = "application/json" } = {}) {
  const headers = { Accept: accept };
  if (token) headers.Authorization = `Bearer ${token}`;
  try {
    return await fetch(url, { headers, signal, credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unreachable();
  }
}

/** Returns the JSON at an address; throws a Problem, and asks for a token unless `quietly`. */
export async function getJson(url, { signal, also = [], quietly = false } = {}) {
  const response = await ask(url, { signal });
  if (response.ok || also.includes(response.status)) {
    const body = await response.json().catch(() => null);
    if (body !== null && !("type" in body && "title" in body && !response.ok)) return body;
    throw new Problem(response.status, body || { title: "No JSON", detail: "The answer is no JSON." }, 0);
  }
  const body = await response.json().catch(() => ({}));
  const problem = new Problem(response.status, body, Number(response.headers.get("Retry-After")) || 0);
  const refused = response.status === 401 || problem.slug === "forbidden";
  if (refused && !quietly) document.dispatchEvent(new CustomEvent("foresail:token", { detail: problem }));
  throw problem;
}

/** Returns a file's bytes and name. */
export async function getFile(url) {
  const response = await ask(url, { accept: "*/*" });
  if (!response.ok) throw new Problem(response.status, await response.json().catch(() => ({})), 0);
  const named = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") || "");
  return { blob: await response.blob(), name: named ? named[1] : "" };
}

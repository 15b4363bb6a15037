// What is shown stands in the address, after the hash: it is never sent to the server.

/** Returns `{ view, parameters }` of the address. */
export function read() {
  const [path, query = ""] = location.hash.replace(/^#/, "").split("?", 2);
  const parameters = Object.fromEntries(new URLSearchParams(query));
  return { view: path.replace(/^\//, "") || "overview", parameters };
}

/** Returns the address of a view. */
export function link(view, parameters) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null && value !== ""));
  const path = view === "overview" ? "#/" : `#/${view}`;
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** Goes there; `quietly` without a step for the back button. */
export function go(view, parameters, { quietly = false } = {}) {
  const target = link(view, parameters);
  if (quietly) history.replaceState(null, "", target);
  else history.pushState(null, "", target);
  document.dispatchEvent(new CustomEvent("foresail:address"));
}

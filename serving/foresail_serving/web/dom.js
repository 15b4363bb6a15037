// Builds elements. Text only ever becomes a text node: names of series come from outside.

const SVG = "http://www.w3.org/2000/svg";

/** Returns an HTML element; `on` holds listeners, `css` custom properties, the rest attributes. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Returns an SVG element, given as `h` is. */
export function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (name === "css") {
      // through the object model: the page's policy allows no style attributes
      for (const [property, text] of Object.entries(value)) element.style.setProperty(property, text);
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Puts children in the place of all that an element holds. */
export function replace(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter(Boolean));
}

/** Returns text that only a screen reader tells. */
export function unseen(text) {
  return h("span", { class: "unseen" }, text);
}

/** Tells a screen reader something that has changed. */
export function say(text) {
  const place = document.getElementById("said");
  if (place && place.textContent !== text) place.textContent = text;
}

/** Returns buttons of which one is chosen; `choices` are [value, label, hint] each. */
export function segmented(label, choices, chosen, choose) {
  return h(
    "div",
    { class: "segmented", role: "group", "aria-label": label },
    choices.map(([value, text, hint]) =>
      h(
        "button",
        {
          type: "button",
          "aria-pressed": String(value === chosen),
          "data-key": `${label} ${value}`,
          title: hint,
          on: { click: () => value !== chosen && choose(value) },
        },
        text,
      ),
    ),
  );
}

/** Returns a control under a caption. */
export function labelled(text, control) {
  return h("div", { class: "field" }, h("span", { class: "caption", "aria-hidden": "true" }, text), control);
}

/** Draws anew within an element; what had the focus has it again, found by its `data-key`. */
export function keepingFocus(element, draw) {
  const key = element.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  draw();
  if (key === undefined) return;
  [...element.querySelectorAll("[data-key]")].find((other) => other.dataset.key === key)?.focus({ preventScroll: true });
}

const ICONS = {
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5 20 20",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2.500M12 19.500V22M2 12h2.500M19.5 12H22M5 5l1.7 1.700M17.3 17.3 19 19M5 19l1.7-1.700M17.3 6.7 19 5",
  moon: "M20 14.500A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.500z",
  half: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 3v18M12 7h6M12 11h8.500M12 15h8",
  back: "M14.5 5.5 8 12l6.5 6.5",
  next: "M9.5 5.5 16 12l-6.5 6.5",
  down: "M12 4v11M7 10.500l5 5 5-5M5 20h14",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
  clock: "M12 3.500a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 7.500V12l3 2",
  key: "M8 12a4 4 0 1 0 0 .1zM12 12h9M18 12v3.5",
  warn: "M12 4 3 19.500h18zM12 10v4.500M12 17v.1",
  link: "M10 6H5v13h13v-5M13 5h6v6M19 5l-8.5 8.5",
  picture: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9v.1",
  reset: "M5 12a7 7 0 1 1 2.2 5.100M5 19v-4.500h4.5",
};

/** Returns a small picture that says nothing to a screen reader. */
export function icon(name) {
  return s(
    "svg",
    { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    s("path", { d: ICONS[name] }),
  );
}

// Making and filling elements. Text is never read as HTML.

const svgSpace = "http://www.w3.org/2000/svg";

function make(node, properties, children) {
  for (const [name, value] of Object.entries(properties || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "text") node.textContent = value;
    else if (name === "value") node.value = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...kept(children));
  return node;
}

// h makes an HTML element: properties are attributes, "text", and listeners as "onclick". Children that are null are left out.
export const h = (tag, properties, ...children) => make(document.createElement(tag), properties, children);

// s makes an SVG element.
export const s = (tag, properties, ...children) => make(document.createElementNS(svgSpace, tag), properties, children);

const kept = (children) => children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false && c !== "");

// fill puts children in place of those that an element has.
export function fill(node, ...children) {
  node.replaceChildren(...kept(children));
  return node;
}

// say changes a text only where it differs: what does not change is not drawn, nor read out, again.
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
  return node;
}

// card is a titled part of a page.
export function card(title, properties, ...children) {
  const { tools, ...rest } = properties || {};
  return h("section", { ...rest, class: "card " + (rest.class || "") },
    h("div", { class: "card-head" }, h("h2", { text: title }), tools), ...children);
}

// skeleton stands where content is on its way.
export const skeleton = (lines = 3) => h("div", { class: "skeleton", "aria-hidden": "true" },
  ...Array.from({ length: lines }, () => h("i")));

export const note = (text, kind = "") => h("p", { class: "note " + kind, text });

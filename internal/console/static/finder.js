// The field in the bar that leads to a segment or a customer. A combobox by WAI-ARIA's pattern.

import { h, fill } from "./dom.js";
import { t } from "./text.js";
import { knownSegments, matches, segmentLink, customerLink } from "./segments.js";

const most = 7;

export function finder() {
  const list = h("ul", { class: "found", role: "listbox", id: "found", "aria-label": t("find"), hidden: true });
  const field = h("input", {
    id: "find", type: "search", placeholder: t("find"), "aria-label": t("find"), autocomplete: "off", spellcheck: "false",
    role: "combobox", "aria-expanded": "false", "aria-controls": "found", "aria-autocomplete": "list",
  });
  let at = -1;
  const close = () => {
    list.hidden = true;
    at = -1;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  };
  const go = (href) => {
    field.value = "";
    close();
    location.hash = href;
  };
  const move = (by) => {
    const items = list.children;
    if (!items.length) return;
    items[at]?.removeAttribute("aria-selected");
    at = (at + by + items.length) % items.length;
    items[at].setAttribute("aria-selected", "true");
    field.setAttribute("aria-activedescendant", items[at].id);
  };
  const search = async () => {
    const query = field.value.trim();
    if (!query) return close();
    let segments = [];
    try {
      segments = await knownSegments();
    } catch { /* a customer can be opened all the same */ }
    if (field.value.trim() !== query) return;
    const found = segments.filter((s) => matches(s, query)).slice(0, most)
      .map((s) => ({ kind: t("segment"), title: s.title || s.name, more: s.name, href: segmentLink(s.name) }));
    const customer = { kind: t("customer"), title: query, more: "", href: customerLink(query) };
    // An id has no spaces, and most have a digit: then it is what is meant.
    if (/^\S*\d\S*$/.test(query)) found.unshift(customer);
    else found.push(customer);
    fill(list, found.map((f, i) => {
      const item = h("li", { role: "option", id: "found-" + i }, h("span", { class: "kind", text: f.kind }), h("b", { text: f.title }), h("small", { text: f.more }));
      item.dataset.href = f.href;
      item.addEventListener("mousedown", (event) => { event.preventDefault(); go(f.href); });
      return item;
    }));
    at = -1;
    move(1);
    list.hidden = false;
    field.setAttribute("aria-expanded", "true");
  };
  field.addEventListener("input", search);
  field.addEventListener("focus", search);
  field.addEventListener("blur", close);
  field.addEventListener("keydown", async (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) await search();
      else move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Escape") {
      close();
    }
  });
  return h("form", {
    class: "finder", role: "search",
    onsubmit: async (event) => {
      event.preventDefault();
      if (list.hidden) await search();
      const chosen = list.children[at] || list.children[0];
      if (chosen) {
        go(chosen.dataset.href);
        field.blur();
      }
    },
  }, field, list);
}

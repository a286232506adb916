// A segment's rule, in words and as it is written.

import { h } from "./dom.js";
import { t } from "./text.js";
import { outline } from "./words.js";

export function rule(segment) {
  const part = (title, source) => [h("h3", { text: title }), h("div", { class: "said" }, said(outline(source)))];
  const code = [segment.when.trim(), segment.until && "until: " + segment.until.trim()].filter(Boolean).join("\n\n");
  return h("div", {}, part(t("rule.when"), segment.when), segment.until ? part(t("rule.until"), segment.until) : null,
    h("details", { class: "source" }, h("summary", { text: t("rule.cel") }), h("pre", { class: "code" }, h("code", { text: code }))),
    segment.include?.length ? h("p", { class: "note" }, t("rule.include"), segment.include.map((name, i) => [i ? ", " : " ", h("code", { text: name })])) : null);
}

// said is an outline as nested lists.
export function said(part) {
  if (part.text !== undefined) return h("p", { text: part.text[0].toUpperCase() + part.text.slice(1) });
  if (part.code !== undefined) return h("pre", { class: "code" }, h("code", { text: part.code }));
  return h("div", { class: "group" }, h("p", { class: "joined", text: t(part.all ? "explain.all" : "explain.any") }),
    h("ul", {}, (part.all || part.any).map((p) => h("li", {}, said(p)))));
}

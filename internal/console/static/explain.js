// Why a customer is in a segment, or why not: each condition of the rule with what it was compared with, and when time alone changes it.

import { h } from "./dom.js";
import { t, number, minute, moment, ago, known } from "./text.js";
import { clock, find, customerPath } from "./api.js";
import { titleOf, segmentLink } from "./segments.js";
import { words } from "./words.js";

export const readExplanation = (customer, segment, signal) =>
  find(`${customerPath(customer)}/segments/${encodeURIComponent(segment)}/explain`, signal);

// outlook says in one sentence what time alone will do.
export function outlook(x) {
  if (x.next) return t(x.next_member ? "next.join" : "next.leave", { at: minute(x.next), ago: ago(x.next, clock.at || Date.now()) });
  if (x.same_until) return t(x.member ? "next.stays.until" : "next.out.until", { at: minute(x.same_until) });
  return t(x.member ? "next.stays" : "next.out");
}

export function explanation(x) {
  return h("div", { class: "explain" },
    h("p", { class: "verdict " + (x.member ? "in" : "out") },
      h("b", { text: t(x.member ? "explain.in" : "explain.out") }),
      x.since ? " " + t(x.member ? "explain.since" : "explain.left", { at: minute(x.since) }) : null),
    x.known === false ? h("p", { class: "note", text: t("explain.unknown") }) : null,
    h("p", { class: "outlook", text: outlook(x) }),
    conditions(x.when, t("explain.when")),
    x.until?.length ? [h("h3", { text: t("rule.until") }), conditions(x.until, t("rule.until"))] : null);
}

const conditions = (list, label) => h("ul", { class: "conditions", "aria-label": label }, (list || []).map(condition));

const joined = { and: "all", or: "any", not: "not" };

function condition(c) {
  const state = c.known === false ? "unknown" : c.missing ? "missing" : c.holds ? "yes" : "no";
  const inner = c.of?.length > 0;
  return h("li", { class: "condition " + state },
    h("div", { class: "line" },
      h("span", { class: "tick", title: t("holds." + state) }, h("span", { "aria-hidden": "true", text: { yes: "✓", no: "✗", unknown: "?", missing: "–" }[state] }),
        h("span", { class: "unseen", text: t("holds." + state) + ": " })),
      h("div", { class: "what" },
        inner && joined[c.op] ? h("span", { text: t("explain." + joined[c.op]) }) : written(c),
        reading(c), state === "missing" ? h("span", { class: "reading", text: t("holds.missing.why") }) : null,
        c.lossy ? h("span", { class: "reading", text: t("explain.lossy") }) : null,
        c.next ? h("span", { class: "reading turn", title: moment(c.next), text: t(c.holds ? "explain.ends" : "explain.begins", { at: minute(c.next) }) }) : null)),
    inner ? conditions(c.of, c.text) : null,
    (c.events || []).filter((l) => l.total > 0).map(seen));
}

// written is a condition in words, with the expression beside it.
function written(c) {
  if (c.segment) return h("span", {}, t("w.in", { segment: "" }).trimEnd() + " ", h("a", { href: segmentLink(c.segment), text: titleOf(c.segment) }));
  const said = words(c.text);
  return said ? h("span", { title: c.text, text: said }) : h("code", { text: c.text });
}

// shown is a value as people write it.
export function shown(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") return number(value);
  if (typeof value === "boolean") return t(value ? "yes" : "no");
  if (Array.isArray(value)) return value.map(shown).join(", ") || t("none");
  if (typeof value === "object") return Object.entries(value).map(([k, v]) => `${k}: ${shown(v)}`).join(", ") || t("none");
  return /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) ? minute(value) : String(value);
}

function reading(c) {
  if (c.value === undefined || typeof c.value === "boolean") return null;
  const value = (c.at_least ? "≥ " : "") + shown(c.value);
  const compared = { "<": "<", "<=": "≤", ">": ">", ">=": "≥", "==": "=", "!=": "≠" }[c.op];
  return h("span", { class: "reading" }, t("explain.value"), " ", h("b", { text: value }),
    compared && c.threshold !== undefined ? [" · ", t("explain.wanted"), ` ${compared} ${shown(c.threshold)}`] : null);
}

// summary says how many events there are, and of what.
function summary(list) {
  const total = (list.at_least ? "≥ " : "") + number(list.total), said = words(list.list, list.total);
  return said ? h("summary", { title: list.list, text: `${total} ${said}` }) : h("summary", {}, t("explain.events", { n: list.total }) + " ", h("code", { text: list.list }));
}

function seen(list) {
  return h("details", { class: "seen" },
    summary(list),
    h("ol", {}, [...list.events].reverse().map((e) => eventLine(e))));
}

export const typeName = (type) => known("one." + type, type?.replaceAll("_", " "));

export const eventLine = (e) => h("li", {},
  h("time", { datetime: e.time, title: moment(e.time), text: minute(e.time) }),
  e.type ? h("b", { text: typeName(e.type) }) : null,
  h("span", { class: "fields" }, Object.entries(e.fields || {}).map(([name, value]) => h("span", {}, h("small", { text: known("prop." + name, name) + " " }), shown(value)))));

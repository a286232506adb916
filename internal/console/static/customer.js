// One customer: in which segments and why, what is known, what happened, and what time alone will change.

import { h, fill, say, card, skeleton, note } from "./dom.js";
import { t, known, minute, ago, moment, date } from "./text.js";
import { clock, get, customerPath } from "./api.js";
import { listen } from "./live.js";
import { feed } from "./feed.js";
import { knownSegments, knownFeatures, titleOf, segmentLink } from "./segments.js";
import { readExplanation, explanation, outlook, eventLine, shown } from "./explain.js";

// The view is written just after a change is published.
const settle = 300, atOnce = 6;

export async function open(id, asked, { signal, show }) {
  const path = customerPath(id);
  const [first, segments] = await Promise.all([get(path, signal), knownSegments(signal), knownFeatures(signal)]);
  const memberships = h("ul", { class: "memberships" }), none = note(t("customer.none"));
  const profile = h("div"), features = h("div"), line = h("ol", { class: "timeline" });
  const when = card(t("customer.events"), { hidden: true }, note(t("customer.events.why")), line);
  const about = card(t("customer.profile"), { hidden: true }, profile);
  const values = card(t("customer.features"), { hidden: true }, features);
  const changes = feed({ length: 25, customer: false });
  const summary = h("p", { class: "summary" });
  const why = whyNot(id, segments, signal, first.memberships.some((m) => m.segment === asked) ? "" : asked);
  show(h("div", {},
    h("p", { class: "crumbs", text: t("customer") }),
    h("div", { class: "lead" }, h("h1", { class: "id", text: id }), summary),
    h("div", { class: "columns" },
      h("div", { class: "stack" },
        why.asked ? why.node : null,
        card(t("customer.segments"), {}, none, memberships),
        why.asked ? null : why.node, when),
      h("div", { class: "stack" }, about, values, card(t("feed.title"), { tools: changes.button }, changes.node)))), id);

  const rows = new Map();
  const draw = (c) => {
    none.hidden = c.memberships.length > 0;
    fill(summary, h("span", {}, h("b", { text: String(c.memberships.length) }), " ", t("customer.in", { n: c.memberships.length })),
      c.as_of ? h("span", { text: t("as.of", { at: moment(c.as_of) }) }) : null);
    const there = new Set(c.memberships.map((m) => m.segment));
    for (const [name, row] of rows) {
      if (there.has(name)) continue;
      row.node.remove();
      rows.delete(name);
    }
    c.memberships.forEach((m) => {
      let row = rows.get(m.segment);
      if (!row) {
        rows.set(m.segment, row = membership(id, m, m.segment === asked, signal));
        memberships[row.asked ? "prepend" : "append"](row.node);
      }
      row.since(m.since);
    });
    const attributes = sorted(c.profile);
    about.hidden = attributes.length === 0;
    fill(profile, pairs(attributes, (name) => known("prop." + name, name.replaceAll("_", " "))));
    const known_ = sorted(c.features);
    values.hidden = known_.length === 0;
    fill(features, pairs(known_, (name) => name, true));
  };
  // outlooks explains all memberships, a few at a time; that gives the next changes and the events behind them.
  const outlooks = async () => {
    const waiting = [...rows.values()], events = new Map();
    await Promise.all(Array.from({ length: atOnce }, async () => {
      for (let row = waiting.shift(); row; row = waiting.shift()) {
        const x = await row.explain();
        if (x === null) waiting.length = 0; // nor will it explain the others
        for (const e of x ? eventsOf([...x.when, ...(x.until || [])]) : []) {
          const key = e.type + e.time;
          const before = events.get(key);
          events.set(key, before ? { ...e, fields: { ...before.fields, ...e.fields } } : e);
        }
      }
    }));
    if (signal.aborted) return;
    const list = [...events.values()].sort((a, b) => Date.parse(b.time) - Date.parse(a.time)).slice(0, 60);
    when.hidden = list.length === 0;
    fill(line, list.map(eventLine));
    // What was asked for comes first, then what comes soonest.
    const soonest = [...rows.values()].sort((a, b) => b.asked - a.asked || a.next() - b.next());
    if (!memberships.matches(":hover, :focus-within")) memberships.append(...soonest.map((r) => r.node));
  };
  draw(first);
  let again = 0;
  listen("recent=1000&customer=" + encodeURIComponent(id), signal, (some, past) => {
    const here = some.filter((c) => c.customer_id === id);
    if (here.length === 0) return;
    changes.add(here, past);
    if (past) return;
    clearTimeout(again);
    again = setTimeout(async () => {
      try {
        draw(await get(path, signal));
        await outlooks();
      } catch { /* the state in the bar says so */ }
    }, settle);
  });
  signal.addEventListener("abort", () => clearTimeout(again));
  await outlooks();
}

// membership is a line that opens to the reasons; open from the beginning where they were asked for.
function membership(id, m, asked, signal) {
  const since = h("time"), next = h("span", { class: "next" }), inside = h("div");
  let x = null;
  const details = h("details", { open: asked }, h("summary", {}, h("b", { text: titleOf(m.segment) }), since, next), inside,
    ways(m.segment));
  const node = h("li", {}, details);
  return {
    node, asked,
    since(at) {
      say(since, t("since", { at: minute(at) }));
      since.dateTime = at;
      since.title = moment(at);
    },
    next: () => (x?.next ? Date.parse(x.next) : Infinity),
    async explain() {
      try {
        x = await readExplanation(id, m.segment, signal);
      } catch (error) {
        if (!signal.aborted) fill(inside, note(error.message, "bad"));
        return undefined;
      }
      if (!x) {
        // The server explains nothing: the line leads on to the segment.
        node.replaceChildren(h("a", { href: segmentLink(m.segment) }, h("b", { text: titleOf(m.segment) })), since);
        return null;
      }
      say(next, x.next ? t(x.next_member ? "next.short.join" : "next.short.leave", { ago: ago(x.next, clock.at || Date.now()) }) : "");
      next.title = outlook(x);
      fill(inside, explanation(x));
      return x;
    },
  };
}

// ways lead on from an explanation.
const ways = (segment) => h("p", { class: "tools" }, h("a", { class: "plain", href: segmentLink(segment), text: t("customer.to.segment") }),
  h("a", { class: "plain", href: "#/rules/" + encodeURIComponent(segment), text: t("rules.change") }));

function* eventsOf(list) {
  for (const c of list) {
    for (const l of c.events || []) yield* l.events.filter((e) => e.type);
    yield* eventsOf(c.of || []);
  }
}

const sorted = (values) => Object.entries(values || {}).sort(([a], [b]) => a.localeCompare(b));

const pairs = (list, name, code) => h("dl", { class: "pairs" }, list.map(([key, value]) => [
  h("dt", {}, code ? h("code", { text: name(key) }) : name(key)),
  h("dd", { text: typeof value === "string" && /^\d{4}-\d\d-\d\d$/.test(value) ? date(value) : shown(value) }),
]));

// whyNot explains any segment that is chosen, and one that was asked for.
function whyNot(id, segments, signal, asked) {
  const answer = h("div", { "aria-live": "polite" });
  const sorted = [...segments].sort((a, b) => (a.title || a.name).localeCompare(b.title || b.name));
  const explain = async () => {
    if (!choice.value) return fill(answer);
    fill(answer, skeleton(3));
    try {
      const x = await readExplanation(id, choice.value, signal);
      fill(answer, x ? [explanation(x), ways(choice.value)] : note(t("explain.none")));
    } catch (error) {
      if (!signal.aborted) fill(answer, note(error.message, "bad"));
    }
  };
  const choice = h("select", { "aria-label": t("segment"), onchange: explain }, h("option", { value: "", text: t("explain.choose") }), sorted.map((s) => h("option", { value: s.name, text: s.title || s.name })));
  choice.value = asked || "";
  if (choice.value) explain();
  return { node: card(t("explain.title"), {}, choice, answer), asked: choice.value };
}

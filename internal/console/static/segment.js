// One segment: what its rule says, how many are in it and who, and who comes and goes.

import { h, fill, say, card, skeleton, note } from "./dom.js";
import { t, known, number, percent, minute, ago } from "./text.js";
import { clock, get, find, post, save, segmentPath } from "./api.js";
import { listen } from "./live.js";
import { feed } from "./feed.js";
import { lines, meter } from "./chart.js";
import { knownSegments, knownFeatures, titleOf, customerLink, segmentLink } from "./segments.js";
import { rule } from "./rule.js";
import { beside } from "./beside.js";

const every = 3000, page = 60, sampleSize = 200, alike = 6;
const windows = ["15m", "3h", "7d"];

export async function open(name, { signal, show }) {
  const path = segmentPath(name);
  const [s] = await Promise.all([get(path + "?window=3h", signal), knownSegments(signal), knownFeatures(signal)]);
  const title = s.title || s.name;
  const members = h("b", { class: "big" }), more = h("span", { class: "note" });
  const changes = feed({ length: 25, segment: false, about: name });
  const list = memberList(path, name, signal);
  const common = inCommon(path, name, signal);
  const overTime = activity(path, s, signal);
  const compared = beside(name, signal, () => common.counted());
  show(h("div", {},
    h("p", { class: "crumbs" }, h("a", { href: "#/", text: t("nav.home") }), " / ", h("code", { text: s.name })),
    h("div", { class: "lead" }, h("h1", { text: title }),
      s.warming ? h("span", { class: "badge", text: t("warming"), title: s.warming_until ? t("warming.until", { at: minute(s.warming_until) }) : t("warming.why") }) : null,
      h("span", { class: "chips" }, (s.tags || []).map((tag) => h("span", { class: "badge quiet", text: known("family." + tag, tag) })))),
    s.description ? h("p", { class: "about", text: s.description }) : null,
    h("div", { class: "columns" },
      h("div", { class: "stack" },
        card(t("segment.now"), { class: "now" }, h("p", { class: "figures" }, members, more), overTime.node),
        card(t("segment.rule"), { tools: h("a", { class: "plain", href: "#/rules/" + encodeURIComponent(name), text: t("rules.change") }) }, rule(s)),
        card(t("segment.members"), { tools: h("button", { class: "plain", type: "button", text: t("download.csv"), onclick: () => save(path + "/members?format=csv", name + ".csv").catch((error) => list.fail(error)) }) }, list.node),
        card(t("beside.title"), {}, compared),
        card(t("segment.common"), {}, common.node)),
      card(t("feed.title"), { class: "side", tools: changes.button }, changes.node))), title);

  const update = (s) => {
    say(members, number(s.members));
    say(more, " " + t("segment.members.n", { n: s.members }) + " · " + t("segment.minute", { joins: number(s.joins_last_minute), leaves: number(s.leaves_last_minute) }) +
      (s.last_change ? " · " + t("segment.last", { ago: ago(s.last_change, Math.max(Date.now(), Date.parse(s.last_change))) }) : ""));
    overTime.update(s);
  };
  update(s);
  listen("recent=1000&segment=" + encodeURIComponent(name), signal, (some, past) => {
    // A server may not know the parameter.
    const here = some.filter((c) => c.segment === name);
    if (here.length === 0) return;
    changes.add(here, past);
    if (!past) list.change(here);
  });
  const timer = setInterval(async () => {
    if (document.hidden) return;
    try {
      update(await get(path + "?window=" + overTime.window(), signal));
    } catch { /* the state in the bar says so */ }
  }, every);
  signal.addEventListener("abort", () => clearInterval(timer));
  await Promise.all([list.load(), common.load()]);
}

// activity plots members, and joins and leaves, over time, where the server tells of it.
function activity(path, first, signal) {
  if (!first.activity) return { node: null, update() {}, window: () => "none" };
  // Who began to follow just now has too little for hours.
  let window = first.activity.members.length < 10 ? "15m" : "3h", setMembers = null, setChanges = null;
  const box = h("div", { class: "plot", role: "img", "aria-label": t("segment.plot") });
  const below = h("div", { class: "plot", role: "img", "aria-label": t("segment.plot.changes") });
  const buttons = windows.map((w) => h("button", { class: "chip", type: "button", "aria-pressed": String(w === window), text: t("window." + w), onclick: async () => {
    window = w;
    buttons.forEach((b, i) => b.setAttribute("aria-pressed", String(windows[i] === w)));
    try {
      draw(await get(path + "?window=" + w, signal));
    } catch { /* the next round tries again */ }
  } }));
  const since = h("p", { class: "note small" });
  const data = (a) => {
    const from = Date.parse(a.from) / 1000;
    const times = a.members.map((_, i) => from + i * a.step_seconds);
    // Leaves go down.
    return [times, a.members, a.joins, a.leaves.map((n) => -n)];
  };
  const draw = async ({ activity: a }) => {
    if (!a || a.members.length < 2) return;
    say(since, t("segment.since", { at: minute(a.from) }));
    const [times, members, joins, leaves] = data(a);
    if (setMembers) {
      setMembers(times, members);
      setChanges?.(times, joins, leaves);
      return;
    }
    setMembers = () => {};
    setMembers = (await lines(box, times, [{ label: t("home.members"), values: members, colour: "accent", fill: "soft" }], signal)) || setMembers;
    setChanges = await lines(below, times, [
      { label: t("home.joins"), values: joins, colour: "join", bars: true },
      { label: t("home.leaves"), values: leaves, colour: "leave", bars: true },
    ], signal, 120);
  };
  return {
    node: h("div", {}, h("div", { class: "chips", role: "group", "aria-label": t("segment.window") }, buttons), box, below, since),
    window: () => window,
    update: (s) => { draw(s).catch(() => { box.hidden = below.hidden = true; }); },
  };
}

// memberList is a page of members that grows on demand, and follows the changes.
function memberList(path, name, signal) {
  const box = h("div", { class: "chips ids" }), none = note(t("segment.nobody")), wait = skeleton(3), problem = note("", "bad");
  const next = h("button", { class: "plain", type: "button", text: t("more"), hidden: true });
  const chips = new Map();
  none.hidden = problem.hidden = true;
  const chip = (id, fresh) => {
    const link = h("a", { class: "chip id" + (fresh ? " new" : ""), href: customerLink(id, name), text: id });
    chips.set(id, link);
    return link;
  };
  let after = "";
  const load = async () => {
    try {
      const { members, next: following } = await get(`${path}/members?limit=${page}` + (after && "&after=" + encodeURIComponent(after)), signal);
      box.append(...members.filter((id) => !chips.has(id)).map((id) => chip(id)));
      after = following || "";
      next.hidden = !following;
      none.hidden = chips.size > 0;
    } catch (error) {
      if (!signal.aborted) fail(error);
    }
    wait.remove();
  };
  const fail = (error) => {
    problem.hidden = false;
    say(problem, error.message);
  };
  next.addEventListener("click", load);
  return {
    load, fail, node: h("div", {}, wait, none, box, next, problem),
    change(list) {
      for (const c of list) {
        chips.get(c.customer_id)?.remove();
        chips.delete(c.customer_id);
        if (c.change === "join") box.prepend(chip(c.customer_id, true));
      }
      none.hidden = chips.size > 0;
    },
  };
}

// inCommon says what members share: it looks at some of them closely, and counts over all of them in which other segments they are.
function inCommon(path, name, signal) {
  const node = h("div", {}, skeleton(4)), quick = h("div");
  const load = async () => {
    try {
      const { members, next } = await get(`${path}/members?limit=${sampleSize}`, signal);
      if (members.length === 0) {
        fill(node, note(t("segment.nobody")));
        return;
      }
      const { customers } = await post("/v1/customers:batch", { customers: members }, signal);
      const shared = await overlaps(name, customers, signal);
      const attributes = profiles(customers);
      const features = numbers(customers);
      fill(node,
        note(next ? t("common.some", { n: customers.length }) : t("common.all", { n: customers.length })),
        attributes.length ? fill(quick, h("h3", { text: t("common.profile") }), h("dl", { class: "shares" }, attributes.map(({ name, values }) => [
          h("dt", { text: known("prop." + name, name.replaceAll("_", " ")) }),
          h("dd", {}, values.map(([value, share]) => h("span", { class: "share" }, meter(share), h("span", { text: value, title: value }), h("b", { text: percent(share) })))),
        ]))) : null,
        features.length ? [h("h3", { text: t("common.features") }), h("table", { class: "facts" },
          h("thead", {}, h("tr", {}, h("th", { scope: "col", text: t("feature") }), ["low", "median", "high"].map((k) => h("th", { scope: "col", class: "num", text: t("common." + k) })))),
          h("tbody", {}, features.map((f) => h("tr", {}, h("th", { scope: "row" }, h("code", { text: f.name })), [f.low, f.median, f.high].map((v) => h("td", { class: "num", text: number(v) }))))))] : null,
        shared.length ? [h("h3", { text: t("common.segments") }), h("div", { class: "shares" }, shared.map((o) => h("span", { class: "share wide" },
          meter(o.share), h("a", { href: segmentLink(o.name), text: titleOf(o.name) }), h("b", { text: percent(o.share) }),
          h("small", { text: t("common.of", { both: number(o.both) }) }))))] : null,
        !attributes.length && !features.length && !shared.length ? note(t("common.nothing")) : null);
    } catch (error) {
      if (signal.aborted) return;
      // Without the route there is nothing to say; other failures are told.
      if ([404, 405, 501].includes(error.status)) node.closest(".card")?.remove();
      else fill(node, note(error.message, "bad"));
    }
  };
  // Where all are counted, some say nothing more.
  return { node, load, counted() { quick.hidden = true; } };
}

// overlaps counts how many members are in those other segments in which the sample is most.
async function overlaps(name, customers, signal) {
  const counts = new Map();
  for (const c of customers) {
    for (const m of c.memberships) if (m.segment !== name) counts.set(m.segment, (counts.get(m.segment) || 0) + 1);
  }
  const most = [...counts].sort((a, b) => b[1] - a[1]).slice(0, alike).map(([other]) => other);
  const out = [];
  for (const other of most) { // one after the other: each is counted over whole lists
    const o = await find(`/v1/overlap?a=${encodeURIComponent(name)}&b=${encodeURIComponent(other)}`, signal);
    if (!o) break;
    if (o.a.members > 0) out.push({ name: other, both: o.both, share: o.both / o.a.members });
  }
  return out.sort((a, b) => b.share - a.share);
}

// Ages are told in groups, each up to a year that is not in it.
const groups = [18, 25, 35, 45, 60, 200];

function ageGroup(birth) {
  const [year, month, day] = birth.split("-").map(Number), now = new Date(clock.at || Date.now());
  const before = now.getMonth() + 1 < month || (now.getMonth() + 1 === month && now.getDate() < day);
  const age = now.getFullYear() - year - (before ? 1 : 0), i = groups.findIndex((end) => age < end);
  return i === 0 ? t("age.under", { n: groups[0] }) : i === groups.length - 1 ? t("age.over", { n: groups.at(-2) }) : `${groups[i - 1]}–${groups[i] - 1}`;
}

// profiles gives the attributes with few values, and the share of each of the commonest.
function profiles(customers) {
  const counts = new Map();
  for (const { profile } of customers) {
    const { birth_date: birth, ...rest } = profile || {};
    if (/^\d{4}-\d\d-\d\d$/.test(birth)) rest.age = ageGroup(birth);
    for (const [name, value] of Object.entries(rest)) {
      for (const v of Array.isArray(value) ? value : [value]) {
        if (typeof v === "number" || /^\d{4}-\d\d-\d\d/.test(v)) continue;
        const values = counts.get(name) || counts.set(name, new Map()).get(name);
        const text = typeof v === "boolean" ? t(v ? "yes" : "no") : String(v);
        values.set(text, (values.get(text) || 0) + 1);
      }
    }
  }
  return [...counts].map(([name, values]) => ({
    name, values: [...values].sort((a, b) => b[1] - a[1]).slice(0, 4).map(([value, n]) => [value, n / customers.length]),
  })).filter(({ values }) => values[0][1] >= 0.05).sort((a, b) => b.values[0][1] - a.values[0][1]).slice(0, 8);
}

// numbers gives the spread of features that are numbers: a tenth is below low, a tenth above high.
function numbers(customers) {
  const lists = new Map();
  for (const { features } of customers) {
    for (const [name, value] of Object.entries(features || {})) {
      if (typeof value === "number") (lists.get(name) || lists.set(name, []).get(name)).push(value);
    }
  }
  const at = (list, q) => list[Math.min(list.length - 1, Math.floor(q * list.length))];
  return [...lists].map(([name, list]) => {
    list.sort((a, b) => a - b);
    return { name, low: at(list, 0.1), median: at(list, 0.5), high: at(list, 0.9) };
  }).filter((f) => f.high !== f.low || f.low !== 0).sort((a, b) => a.name.localeCompare(b.name));
}

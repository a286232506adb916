// All segments: how many are in them, and who comes and goes.

import { h, fill, say, card, skeleton } from "./dom.js";
import { t, known, number, compact, ago, moment, minute } from "./text.js";
import { listen } from "./live.js";
import { feed } from "./feed.js";
import { spark } from "./chart.js";
import { readSegments, segmentLink, family, matches } from "./segments.js";
import { remember, recall } from "./store.js";

const every = 2000, bins = 30, binSeconds = 2;
// activityEvery is how often the longer past is read, in rounds; it is told by steps of ten seconds.
const activityEvery = 5, window = "15m";

export async function open({ signal, show }) {
  const rows = new Map();
  const body = h("tbody");
  const families = h("div", { class: "chips", role: "group", "aria-label": t("home.families") });
  const summary = h("p", { class: "summary" });
  const empty = h("p", { class: "note", text: t("home.none"), hidden: true });
  const wait = skeleton(8);
  const state = { by: "members", down: true, family: recall("family", sessionStorage) || "", query: "" };
  const filter = h("input", { type: "search", placeholder: t("home.filter"), "aria-label": t("home.filter"), autocomplete: "off", spellcheck: "false",
    oninput: () => { state.query = filter.value.trim(); arrange(); } });
  const trendHead = h("th", { scope: "col", class: "trend" });
  const heads = [["title", ""], ["members", "num"], [null, "trend"], ["joins", "num"], ["leaves", "num"], ["last", "last"]].map(([by, kind]) => {
    if (!by) return trendHead;
    const head = h("th", { scope: "col", class: kind }, h("button", { type: "button", title: known("home." + by + ".why", ""), text: t("home." + by), onclick: () => {
      Object.assign(state, { by, down: state.by === by ? !state.down : by !== "title" });
      arrange();
    } }));
    head.dataset.by = by;
    return head;
  });
  const changes = feed({ length: 30 });
  show(h("div", { class: "home" },
    h("div", { class: "lead" }, h("h1", { text: t("home.heading") }), summary),
    h("div", { class: "columns" },
      h("section", { class: "card list", "aria-label": t("home.heading") },
        h("div", { class: "filters" }, filter, families),
        h("table", {}, h("thead", {}, h("tr", {}, heads)), body), wait, empty),
      card(t("feed.title"), { class: "side", tools: changes.button }, changes.node))), t("home.heading"));

  function row(name) {
    const link = h("a", { href: segmentLink(name) });
    const trend = spark(bins);
    const known = {
      name, link, trend, ups: [], downs: [], data: {}, last: 0,
      members: h("td", { class: "num members" }), joins: h("td", { class: "num joins" }), leaves: h("td", { class: "num leaves" }),
      lastCell: h("td", { class: "last" }),
    };
    known.row = h("tr", { onclick: (event) => { if (!event.target.closest("a")) location.hash = segmentLink(name); } },
      h("th", { scope: "row" }, link), known.members, h("td", { class: "trend" }, trend.node), known.joins, known.leaves, known.lastCell);
    rows.set(name, known);
    return known;
  }

  function count(r, members) {
    const before = r.data.members;
    if (before !== undefined && before !== members) {
      r.members.classList.remove("up", "down");
      void r.members.offsetWidth; // starts the animation anew
      r.members.classList.add(members > before ? "up" : "down");
    }
    say(r.members, compact(members));
    r.members.title = number(members);
  }

  function update(segments) {
    let joins = 0, leaves = 0, members = 0;
    const there = new Set();
    for (const s of segments) {
      there.add(s.name);
      const r = rows.get(s.name) || row(s.name);
      count(r, s.members);
      if (r.data.title !== s.title || r.data.warming !== s.warming || !r.link.firstChild) {
        fill(r.link, h("b", { text: s.title || s.name }), h("small", { text: s.description || s.name }),
          s.warming ? h("span", { class: "badge", text: t("warming"), title: s.warming_until ? t("warming.until", { at: minute(s.warming_until) }) : t("warming.why") }) : null);
      }
      r.data = s;
      r.joinsNow = s.joins_last_minute || 0;
      r.leavesNow = s.leaves_last_minute || 0;
      say(r.joins, r.joinsNow ? "+" + number(r.joinsNow) : "–");
      say(r.leaves, r.leavesNow ? "−" + number(r.leavesNow) : "–");
      r.joins.classList.toggle("zero", !r.joinsNow);
      r.leaves.classList.toggle("zero", !r.leavesNow);
      if (s.last_change) r.last = Math.max(r.last, Date.parse(s.last_change));
      if (s.activity) r.activity = s.activity;
      members += s.members;
      joins += r.joinsNow;
      leaves += r.leavesNow;
    }
    for (const [name, r] of rows) {
      if (there.has(name)) continue;
      r.row.remove();
      rows.delete(name);
    }
    fill(summary, h("span", {}, h("b", { text: number(segments.length) }), " ", t("home.count.segments", { n: segments.length })),
      h("span", {}, h("b", { text: number(members) }), " ", t("home.count.memberships", { n: members })),
      h("span", { class: "joins" }, h("b", { text: "+" + number(joins) }), " ", t("home.count.joins", { n: joins })),
      h("span", { class: "leaves" }, h("b", { text: "−" + number(leaves) }), " ", t("home.count.leaves", { n: leaves })));
    offer(segments);
    wait.remove();
  }

  let offered = "";
  function offer(segments) {
    const counts = new Map();
    for (const s of segments) if (family(s)) counts.set(family(s), (counts.get(family(s)) || 0) + 1);
    const list = [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
    if (state.family && !counts.has(state.family)) state.family = "";
    const text = JSON.stringify([list, state.family]);
    if (text === offered) return;
    offered = text;
    const focused = document.activeElement?.dataset?.family;
    fill(families, list.length < 2 ? null : [["", segments.length], ...list].map(([name, n]) => {
      const chip = h("button", { type: "button", class: "chip", "aria-pressed": String(state.family === name), onclick: () => {
        state.family = state.family === name ? "" : name;
        remember("family", state.family, sessionStorage);
        offer(segments);
        arrange();
      } }, name === "" ? t("home.all") : known("family." + name, name), h("small", { text: number(n) }));
      chip.dataset.family = name;
      return chip;
    }));
    if (focused !== undefined) [...families.children].find((c) => c.dataset.family === focused)?.focus();
  }

  const order = {
    title: (a, b) => (a.data.title || a.name).localeCompare(b.data.title || b.name),
    members: (a, b) => a.data.members - b.data.members,
    joins: (a, b) => a.joinsNow - b.joinsNow,
    leaves: (a, b) => a.leavesNow - b.leavesNow,
    last: (a, b) => a.last - b.last,
  };

  function arrange() {
    const list = [...rows.values()].sort((a, b) => (state.down ? -1 : 1) * order[state.by](a, b) || order.title(a, b));
    let shown = 0;
    list.forEach((r, i) => {
      r.row.hidden = (state.family !== "" && family(r.data) !== state.family) || (state.query !== "" && !matches(r.data, state.query));
      if (!r.row.hidden) shown++;
      if (body.children[i] !== r.row) body.insertBefore(r.row, body.children[i] || null);
    });
    empty.hidden = shown > 0 || rows.size === 0;
    for (const head of heads) {
      if (head.dataset.by === state.by) head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
  }

  // gather adds up an activity's steps, three in a bar, with the newest on the right.
  function gather(steps) {
    const out = new Array(bins).fill(0);
    steps.forEach((n, i) => {
      const bar = bins - 1 - Math.floor((steps.length - 1 - i) / 3);
      if (bar >= 0) out[bar] += n;
    });
    return out;
  }

  // drawTrends puts the changes of the last minute into bars of two seconds.
  function drawTrends() {
    const now = Math.floor(Date.now() / 1000 / binSeconds);
    const bars = (times) => {
      const out = new Array(bins).fill(0);
      for (const at of times) out[bins - 1 - (now - at)]++;
      return out;
    };
    for (const r of rows.values()) {
      r.ups = r.ups.filter((at) => now - at < bins);
      r.downs = r.downs.filter((at) => now - at < bins);
      if (r.activity) r.trend.draw(gather(r.activity.joins), gather(r.activity.leaves));
      else r.trend.draw(bars(r.ups), bars(r.downs));
      if (r.last) {
        say(r.lastCell, ago(r.last, Math.max(Date.now(), r.last)));
        r.lastCell.title = moment(r.last);
      } else {
        say(r.lastCell, "–");
      }
    }
  }

  let rounds = 0;
  const round = async () => {
    if (!document.hidden) {
      update(await readSegments(signal, rounds++ % activityEvery === 0 ? window : "none"));
      const long = [...rows.values()].some((r) => r.activity);
      say(trendHead, t(long ? "home.trend.long" : "home.trend"));
      trendHead.title = t(long ? "home.trend.long.why" : "home.trend.why");
      // While a row has the focus or the mouse, it stays where it is.
      if (!body.matches(":hover, :focus-within") || body.children.length !== rows.size) arrange();
      drawTrends();
    }
  };
  await round();
  listen("recent=200", signal, (list, past) => {
    const bin = Math.floor(Date.now() / 1000 / binSeconds);
    for (const c of list) {
      const r = rows.get(c.segment);
      if (!r) continue;
      if (past) continue;
      (c.change === "join" ? r.ups : r.downs).push(bin);
      r.last = Date.now();
    }
    changes.add(list, past);
  });
  const timer = setInterval(() => round().catch(() => {}), every);
  signal.addEventListener("abort", () => clearInterval(timer));
}

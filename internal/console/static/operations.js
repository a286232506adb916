// How the pipeline is doing: partitions by the API, and what this server's health and metrics say.

import { h, fill, card, skeleton, note } from "./dom.js";
import { t, number, span, moment, ago } from "./text.js";
import { find, text } from "./api.js";
import { parse } from "./metrics.js";
import { letters } from "./letters.js";

const every = 3000;

export async function open({ signal, show }) {
  const health = h("div", {}, skeleton(2)), partitions = h("div", {}, skeleton(3)), counted = h("div", {}, skeleton(2)), servers = h("div", {}, skeleton(2));
  const reasons = new Map(), list = letters(signal, () => reasons);
  const parts = {
    health: card(t("ops.health"), {}, health), partitions: card(t("ops.partitions"), {}, partitions),
    letters: card(t("ops.letters"), {}, counted, list.node), servers: card(t("ops.servers"), {}, servers),
  };
  show(h("div", {}, h("div", { class: "lead" }, h("h1", { text: t("nav.operations") }), h("p", { class: "summary", text: t("ops.about") })),
    h("div", { class: "stack" }, parts.health, parts.partitions, parts.letters, parts.servers)), t("nav.operations"));
  let before = null, looked = false;
  const round = async () => {
    const [ready, metrics, all] = await Promise.all([look("/readyz", signal), look("/metrics", signal), find("/v1/partitions", signal).catch((error) => ({ error }))]);
    const m = metrics?.ok ? parse(metrics.body) : null;
    const now = { m, at: performance.now() };
    put(parts.health, health, ready || m ? healthOf(ready, m, before, now) : null);
    put(parts.partitions, partitions, partitionsOf(all, m));
    if (m) for (const r of m.all("ruas_dead_letters_total")) if (r.value > 0) reasons.set(r.labels.reason, r.value);
    if (!looked) put(parts.letters, counted, m ? lettersOf(m) : null);
    put(parts.servers, servers, m ? serversOf(m) : null);
    before = now;
  };
  await round();
  // The letters themselves, where the server shows them; their numbers elsewhere.
  looked = await list.load();
  if (signal.aborted) return;
  if (looked) put(parts.letters, counted, []);
  else list.node.remove();
  if (Object.values(parts).every((p) => p.hidden)) parts.health.after(note(t("ops.nothing")));
  const timer = setInterval(() => { if (!document.hidden) round().catch(() => {}); }, every);
  signal.addEventListener("abort", () => clearInterval(timer));
}

// look reads an endpoint beside the API; null where it is not served here.
async function look(path, signal) {
  try {
    const answer = await text(path, signal);
    // Where operators' endpoints have a port of their own, this one answers with the page, or nothing.
    return answer.status === 404 || /^\s*</.test(answer.body) ? null : answer;
  } catch {
    return null;
  }
}

function put(card, node, content) {
  card.hidden = content === null;
  fill(node, content);
}

const figure = (label, value, kind = "") => h("div", { class: "figure" }, h("b", { class: kind, text: value }), h("span", { text: label }));

function healthOf(ready, m, before, now) {
  const good = ready?.ok;
  const out = [];
  if (ready) out.push(h("p", {}, h("span", { class: "badge " + (good ? "good" : "bad"), text: t(good ? "ops.ready" : "ops.not.ready") }),
    good ? null : h("span", { class: "note", text: " " + ready.body.replace(/^not ready: /, "").trim() })));
  if (m) {
    const lag = m.sum("ruas_lag_records"), clock = m.most("ruas_clock_lag_seconds");
    const figures = [];
    if (before?.m) {
      const seconds = (now.at - before.at) / 1000;
      const rate = (name) => number(Math.round(Math.max(0, m.sum(name) - before.m.sum(name)) / seconds));
      figures.push(figure(t("ops.events"), rate("ruas_events_total")), figure(t("ops.changes"), rate("ruas_changes_total")));
    }
    if (lag !== null) figures.push(figure(t("ops.lag"), number(lag)));
    if (clock !== null) figures.push(figure(t("ops.clock.lag"), span(Math.max(0, clock))));
    const version = m.all("ruas_build_info")[0];
    if (version) figures.push(figure(t("ops.version"), version.labels.version, "small"));
    out.push(h("div", { class: "figures" }, figures));
  }
  return out;
}

function partitionsOf(list, m) {
  if (list?.error) return note(list.error.message, "bad");
  const rows = new Map();
  for (const p of list?.partitions || []) rows.set(String(p.partition), { ...p });
  const lags = m ? m.all("ruas_lag_records") : [], clocks = m ? m.all("ruas_clock_lag_seconds") : [], due = m ? m.all("ruas_deadlines") : [];
  const row = (number) => rows.get(number) || rows.set(number, { partition: Number(number) }).get(number);
  for (const { labels, value } of lags) row(labels.partition).lag = (row(labels.partition).lag || 0) + value;
  for (const { labels, value } of clocks) row(labels.partition).behind = value;
  for (const { labels, value } of due) row(labels.partition).deadlines = value;
  if (rows.size === 0) return null;
  const all = [...rows.values()].sort((a, b) => a.partition - b.partition);
  const columns = [
    ["partition", (p) => number(p.partition), ""],
    ["state", (p) => h("span", { class: "badge " + (p.ready ? "good" : "bad"), text: t(p.ready ? "ops.ready" : "ops.building") }), "", "ready"],
    ["lag", (p) => number(p.lag), "num", "lag"],
    ["behind", (p) => span(Math.max(0, p.behind)), "num", "behind"],
    ["clock", (p) => moment(p.clock), "", "clock"],
    ["written", (p) => ago(p.written, Math.max(Date.now(), Date.parse(p.written))), "", "written"],
    ["deadlines", (p) => number(p.deadlines), "num", "deadlines"],
    ["epoch", (p) => number(p.epoch), "num", "epoch"],
    ["change", (p) => number(p.changes), "num", "changes"],
  ].filter(([, , , key]) => !key || all.some((p) => p[key] !== undefined));
  return h("div", { class: "wide" }, h("table", {},
    h("thead", {}, h("tr", {}, columns.map(([name, , kind]) => h("th", { scope: "col", class: kind, title: t("ops." + name + ".why"), text: t("ops." + name) })))),
    h("tbody", {}, all.map((p) => h("tr", {}, columns.map(([, show, kind, key]) => h("td", { class: kind }, key && p[key] === undefined ? "–" : show(p))))))));
}

function lettersOf(m) {
  const reasons = m.all("ruas_dead_letters_total").filter((r) => r.value > 0).sort((a, b) => b.value - a.value);
  const events = m.sum("ruas_events_total") || 0;
  if (reasons.length === 0) return note(events ? t("ops.letters.none", { n: events }) : t("ops.letters.quiet"));
  return [h("table", { class: "facts" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col", text: t("ops.reason") }), h("th", { scope: "col", class: "num", text: t("ops.records") }))),
    h("tbody", {}, reasons.map((r) => h("tr", {}, h("th", { scope: "row" }, h("code", { text: r.labels.reason })), h("td", { class: "num", text: number(r.value) }))))),
    note(t("ops.letters.where"))];
}

function serversOf(m) {
  const rows = [["kafka", "ruas_transaction_seconds"], ["redis", "ruas_redis_write_seconds"]].map(([name, metric]) => {
    const count = m.sum(metric + "_count"), total = m.sum(metric + "_sum");
    return count ? { name, count, mean: total / count, tail: m.quantile(metric, 0.99) } : null;
  }).filter(Boolean);
  if (rows.length === 0) return note(t("ops.servers.quiet"));
  return h("table", { class: "facts" },
    h("thead", {}, h("tr", {}, ["server", "writes", "mean", "tail"].map((k, i) => h("th", { scope: "col", class: i ? "num" : "", text: t("ops." + k) })))),
    h("tbody", {}, rows.map((r) => h("tr", {}, h("th", { scope: "row", text: t("ops." + r.name) }), h("td", { class: "num", text: number(r.count) }),
      h("td", { class: "num", text: span(r.mean) }), h("td", { class: "num", text: r.tail === null ? "–" : "≤ " + span(r.tail) })))));
}

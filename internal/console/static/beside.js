// The members of a segment beside all customers: what they buy, and what sets them apart. A study counts it, over everybody.

import { h, s, fill } from "./dom.js";
import { t, known, language, compact, number, percent, minute } from "./text.js";
import { meter } from "./chart.js";
import { runner, reach } from "./study.js";

const spans = ["", "30d", "90d", "365d"], first = 12, ofEach = 2, firstGroups = 8;

// beside is a node. told is called with each result.
export function beside(name, signal, told) {
  let since = "";
  const choice = h("select", { "aria-label": t("beside.since"), onchange: () => { since = choice.value; study.stale(); } },
    spans.map((value) => h("option", { value, text: t("beside.since." + (value || "all")) })));
  const study = runner({
    label: t("beside.count"), about: t("beside.about"), signal,
    ask: () => ({ segment: name, ...(since && { since }) }),
    show(result) {
      told(result);
      return draw(result);
    },
  });
  study.button.before(choice);
  study.recall();
  return study.node;
}

function draw(result) {
  const { sales } = result;
  const money = currency(sales?.currency);
  return h("div", { class: "result" },
    sales ? [h("h3", { text: t("beside.sales") }), totals(sales, money),
      groups(sales, money),
      sales.at_least ? h("p", { class: "note small", text: t("beside.at.least") }) : null,
      sales.left_out?.length ? h("p", { class: "note small", text: t("beside.left.out", { what: sales.left_out.map((x) => `${number(x.orders)} ${x.currency || t("group.unknown")}`).join(", ") }) }) : null] : null,
    (result.attributes || []).length ? [h("h3", { text: t("beside.differ") }), differences(result)] : null,
    reach(result, minute));
}

function currency(code) {
  try {
    const format = new Intl.NumberFormat(language, { style: "currency", currency: code, currencyDisplay: "narrowSymbol", maximumFractionDigits: 0 });
    const short = new Intl.NumberFormat(language, { style: "currency", currency: code, currencyDisplay: "narrowSymbol", notation: "compact", maximumFractionDigits: 1 });
    return { full: (n) => format.format(n), short: (n) => (Math.abs(n) < 1_000_000 ? format.format(n) : short.format(n)) };
  } catch {
    return { full: number, short: (n) => number(Math.round(n)) };
  }
}

const over = (a, b) => (b > 0 ? a / b : 0);

// What can be told of a group of customers. Sums depend on how many there are; what is per customer or per order does not.
const measures = [
  ["per.customer", (x) => over(x.total, x.customers), "money"],
  ["average", (x) => x.average_order || 0, "money"],
  ["orders", (x) => over(x.orders, x.customers), "number"],
  ["total", (x) => x.total, "money"],
];

// totals is a table of members beside all customers.
function totals({ members, everybody }, money) {
  const of = (value) => t("beside.of", { share: percent(value) });
  const more = (a, b) => (b > 0 ? signed(a / b - 1) : "–");
  const [perCustomer, average, orders] = measures.map(([, value]) => [value(members), value(everybody)]);
  const rows = [
    ["customers", number(members.customers), number(everybody.customers), of(over(members.customers, everybody.customers))],
    ["total", money.short(members.total), money.short(everybody.total), of(over(members.total, everybody.total))],
    ["buyers", number(members.buyers), number(everybody.buyers), of(over(members.buyers, everybody.buyers))],
    ["count", number(members.orders), number(everybody.orders), of(over(members.orders, everybody.orders))],
    ["per.customer", ...perCustomer.map(money.short), more(...perCustomer)],
    ["average", ...average.map(money.short), more(...average)],
    ["orders", ...orders.map(number), more(...orders)],
  ];
  return h("table", { class: "facts beside" },
    h("thead", {}, h("tr", {}, h("td"), ["beside.members", "beside.everybody", "beside.difference"].map((key) => h("th", { scope: "col", class: "num", text: t(key) })))),
    h("tbody", {}, rows.map(([key, a, b, d]) => h("tr", {}, h("th", { scope: "row", text: t("sales." + key) }), h("td", { class: "num strong", text: a }), h("td", { class: "num", text: b }), h("td", { class: "num", text: d })))));
}

const signed = (share) => (share >= 0 ? "+" : "−") + percent(Math.abs(share));

// groups plots one measure by age and by city: a pair of bars for each group, and the numbers beside them.
function groups(sales, money) {
  const parts = [["by_age", "beside.by.age"], ["by_city", "beside.by.city"]].filter(([key]) => sales[key]?.length);
  if (parts.length === 0) return null;
  let which = measures[0], all = false;
  const box = h("div", { class: "halves" });
  const buttons = measures.map((m) => h("button", { class: "chip", type: "button", "aria-pressed": String(m === which), text: t("sales." + m[0]), onclick: () => {
    which = m;
    buttons.forEach((b, i) => b.setAttribute("aria-pressed", String(measures[i] === which)));
    plot();
  } }));
  const plot = () => {
    const [, value, kind] = which, show = kind === "money" ? money.short : number;
    fill(box, parts.map(([key, title]) => {
      const rows = sales[key].map((g) => ({ name: g.unknown ? t("group.unknown") : g.other ? t("group.other") : g.group, n: g.members.customers, a: value(g.members), b: value(g.everybody) }));
      const most = Math.max(...rows.flatMap((r) => [r.a, r.b]));
      const some = all ? rows : rows.slice(0, firstGroups);
      const more = some.length < rows.length ? h("button", { class: "plain", type: "button", text: t("more"), onclick: () => { all = true; plot(); } }) : null;
      return h("div", {}, h("table", { class: "facts paired" }, h("caption", { text: t(title) }),
        h("thead", { class: "unseen" }, h("tr", {}, ["beside.group", "beside.plot", "beside.members", "beside.everybody"].map((k) => h("th", { scope: "col", text: t(k) })))),
        h("tbody", {}, some.map((r) => h("tr", {},
          h("th", { scope: "row" }, r.name, h("small", { text: t("beside.n", { n: r.n }) })),
          h("td", { class: "bars" }, pair(r.a, r.b, most)),
          h("td", { class: "num strong", text: r.n ? show(r.a) : "–" }), h("td", { class: "num", text: show(r.b) }))))), more);
    }));
  };
  plot();
  return [h("div", { class: "chips", role: "group", "aria-label": t("beside.measure") }, buttons),
    h("p", { class: "legend", "aria-hidden": "true" }, h("span", { class: "key one" }), t("beside.members"), h("span", { class: "key all" }), t("beside.everybody")), box];
}

// pair is two bars, members above everybody.
function pair(a, b, most) {
  const at = (x) => (most > 0 ? (x / most) * 100 : 0).toFixed(2);
  return s("svg", { viewBox: "0 0 100 16", preserveAspectRatio: "none", "aria-hidden": "true" },
    s("rect", { class: "one", width: at(a), height: 8 }), s("rect", { class: "all", y: 10, width: at(b), height: 6 }));
}

// differences lists values by how much commoner, or rarer, they are among members; at first no attribute with more than a few.
function differences({ attributes, members, customers }) {
  const rows = attributes.flatMap((a) => a.values.map((v) => {
    const here = over(v.members, members), all = over(v.customers, customers);
    return { a, value: shown(v), n: v.members, here, all, by: here - all };
  })).filter((r) => r.by !== 0).sort((a, b) => Math.abs(b.by) - Math.abs(a.by));
  const row = (r) => h("tr", { title: t("beside.n", { n: r.n }) },
    h("th", { scope: "row" }, h("small", { text: attributeName(r.a) + " " }), h("b", { text: r.value })),
    h("td", { class: "bars" }, meter(r.here, r.all)),
    h("td", { class: "num strong", text: percent(r.here) }), h("td", { class: "num", text: percent(r.all) }),
    h("td", { class: "num " + (r.by > 0 ? "more" : "less"), text: signed(r.by).replace(/\s?%$/, "") }));
  const times = new Map();
  const short = rows.filter((r) => {
    times.set(r.a, (times.get(r.a) || 0) + 1);
    return times.get(r.a) <= ofEach;
  }).slice(0, first);
  const body = h("tbody", {}, short.map(row));
  const more = rows.length > short.length ? h("button", { class: "plain", type: "button", text: t("more"), onclick: () => { fill(body, rows.slice(0, 5 * first).map(row)); more.remove(); } }) : null;
  return [h("p", { class: "legend", "aria-hidden": "true" }, h("span", { class: "key one" }), t("beside.members"), h("span", { class: "key mark" }), t("beside.everybody")),
    h("table", { class: "facts apart" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col", text: t("beside.attribute") }), h("td"),
      ["beside.members", "beside.everybody"].map((k) => h("th", { scope: "col", class: "num", text: t(k) })), h("th", { scope: "col", class: "num", title: t("beside.points.why"), text: t("beside.points") }))),
    body), more];
}

function attributeName({ name, source, unit }) {
  const said = source === "profile" ? known("prop." + name, name.replaceAll("_", " ")) : name;
  return unit === "years" ? known("w.age." + name, t("beside.years", { what: said })) : unit === "days" ? t("beside.days", { what: said }) : said;
}

// shown is a value in the reader's words. A group of fractions has ends; one of whole numbers is written as people do.
function shown({ value, from, below }) {
  if (from === undefined && below !== undefined) return t("age.under", { n: compact(below) });
  if (below === undefined && from >= 1000) return t("age.over", { n: compact(from) });
  if (value.includes("<") || below > 10_000) return from === 0 && below <= 0.001 ? number(0) : t("group.range", { from: compact(from), below: compact(below) });
  return words(value);
}

const words = (value) => (value === "true" || value === "false" ? t(value === "true" ? "yes" : "no") : value.replaceAll("_", " "));

// What a rule would do: how many it would have, who would join and leave, beside the rule that runs.

import { h, s } from "./dom.js";
import { t, number, percent, minute } from "./text.js";
import { reach } from "./study.js";
import { customerLink } from "./segments.js";

const first = 24;

export function effect(result, segment) {
  const { against, members, customers } = result;
  const share = customers ? t("effect.share", { share: percent(members / customers), n: customers }) : "";
  const same = against && against.joins === 0 && against.leaves === 0;
  return h("div", { class: "result" },
    h("p", { class: "figures" }, h("b", { class: "big", text: number(members) }), h("span", { class: "note", text: t("effect.members", { n: members }) + (share && " · " + share) })),
    against ? [
      balance(against.members - against.leaves, against.joins, against.leaves),
      same ? h("p", { text: t("effect.same", { n: against.members }) }) : h("ul", { class: "moves" },
        h("li", { class: "joins" }, h("b", { text: "▲ " + number(against.joins) }), " ", t("effect.joins", { n: against.joins })),
        h("li", { class: "leaves" }, h("b", { text: "▼ " + number(against.leaves) }), " ", t("effect.leaves", { n: against.leaves })),
        h("li", {}, h("b", { text: number(against.members) }), " ", t("effect.now", { n: against.members })))]
      : h("p", { text: t("effect.new") }),
    people(result.sample || [], against && segment),
    reach(result, minute));
}

// balance is one bar of all who are members by either rule: those who stay, join and leave.
function balance(stay, joins, leaves) {
  const all = Math.max(1, stay + joins + leaves), at = (n) => ((n / all) * 100).toFixed(2);
  return s("svg", { class: "balance", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
    s("rect", { class: "stay", width: at(stay), height: 8 }), s("rect", { class: "join", x: at(stay), width: at(joins), height: 8 }),
    s("rect", { class: "leave", x: at(stay + joins), width: at(leaves), height: 8 }));
}

// people are those who would change, and then others; each leads to why they are in the segment as it runs, or not.
function people(sample, segment) {
  if (sample.length === 0) return null;
  const chip = (c) => {
    const kind = !segment || c.member === c.was ? "" : c.member ? "join" : "leave";
    return h("a", { class: "chip id " + kind, href: customerLink(c.customer_id, segment), title: kind ? t("effect." + kind) : null },
      kind ? h("span", { class: "mark", "aria-hidden": "true", text: kind === "join" ? "▲ " : "▼ " }) : null, kind ? h("span", { class: "unseen", text: t("effect." + kind) + ": " }) : null, c.customer_id);
  };
  const box = h("div", { class: "chips ids" }, sample.slice(0, first).map(chip));
  const more = sample.length > first ? h("button", { class: "plain", type: "button", text: t("more"), onclick: () => { box.append(...sample.slice(first).map(chip)); more.remove(); } }) : null;
  const changing = segment && sample.some((c) => c.member !== c.was);
  return [h("h3", { text: t(changing ? "effect.who.change" : "effect.who") }), box, more];
}

// The list of changes as they happen.

import { h, say } from "./dom.js";
import { t, clockTime, moment } from "./text.js";
import { titleOf, segmentLink, customerLink } from "./segments.js";

// feed returns a list and the means to add changes. what leaves out the customer or the segment where the page is about it.
// about is the segment that it is about.
export function feed({ length = 30, customer = true, segment = true, about = "" } = {}) {
  const list = h("ol", { class: "feed" });
  const empty = h("p", { class: "note", text: t("feed.empty") });
  const button = h("button", { class: "plain", type: "button", "aria-pressed": "false", text: t("feed.pause") });
  let paused = false;
  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", String(paused));
    say(button, t(paused ? "feed.go" : "feed.pause"));
  });
  const line = (c, fresh) => {
    const join = c.change === "join";
    return h("li", { class: c.change + (fresh ? " new" : "") },
      h("time", { text: clockTime(c.time), datetime: c.time, title: moment(c.time) }),
      h("span", { class: "mark", title: t(join ? "join" : "leave") }, h("span", { "aria-hidden": "true", text: join ? "▲" : "▼" })),
      h("span", { class: "what" },
        customer ? h("a", { class: "id", href: customerLink(c.customer_id, about), text: c.customer_id }) : null,
        h("span", { class: "verb", text: " " + t(!segment ? c.change : customer ? (join ? "feed.joins" : "feed.leaves") : (join ? "feed.joined" : "feed.left")) + " " }),
        segment ? h("a", { href: segmentLink(c.segment), text: titleOf(c.segment) }) : null,
        c.cause === "event" ? null : [" ", h("span", { class: "cause", text: t("cause." + c.cause), title: t("cause." + c.cause + ".why") })]));
  };
  return {
    node: h("div", {}, list, empty), button,
    add(changes, past) {
      if (paused) return;
      empty.hidden = true;
      list.prepend(...changes.slice(-length).reverse().map((c) => line(c, !past)));
      while (list.children.length > length) list.lastChild.remove();
    },
  };
}

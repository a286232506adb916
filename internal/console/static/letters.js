// Dead letters: the records that were no good. They are looked into, and sent to their source again once the cause is mended.

import { h, fill, say, note, skeleton } from "./dom.js";
import { t, known, number, moment, minute } from "./text.js";
import { find, post, Problem } from "./api.js";
import { customerLink } from "./segments.js";
import { confirm } from "./confirm.js";

const page = 50, atOnce = 500; // letters: in an answer, and the most that a request to send may name

// letters returns { node, load }; load resolves to false where the server tells nothing of them. counts gives how many there were of each
// reason since the server started, where that is known.
export function letters(signal, counts) {
  const reasons = h("div", { class: "chips", role: "group", "aria-label": t("ops.reason") }), said = h("div", { role: "status" });
  const source = h("select", { "aria-label": t("letters.source"), hidden: true, onchange: () => restart() }), body = h("tbody"), wait = skeleton(3), none = note(t("letters.none"));
  const all = h("input", { type: "checkbox", "aria-label": t("letters.all"), onchange: () => { for (const l of listed) l.box.checked = all.checked && !l.box.disabled; chosen(); } });
  const table = h("table", { class: "letters", hidden: true }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, all),
    ["time", "ops.reason", "letters.source", "letters.detail"].map((k) => h("th", { scope: "col", text: t(k) })))), body);
  const next = h("button", { class: "plain", type: "button", text: t("more"), hidden: true, onclick: () => more() });
  const again = h("button", { class: "plain", type: "button", text: t("letters.again"), onclick: () => restart() });
  const replay = h("button", { class: "plain strong", type: "button", disabled: true, onclick: () => replayChosen() });
  const every = h("button", { class: "plain", type: "button", hidden: true, onclick: () => replayAll() });
  let reason = "", cursor = "", listed = [], sources = new Set(), seen = new Set();
  none.hidden = true;

  const query = () => (reason && "&reason=" + encodeURIComponent(reason)) + (source.value && "&source=" + encodeURIComponent(source.value));
  const chosen = () => {
    const n = listed.filter((l) => l.box.checked).length;
    say(replay, n ? t("letters.replay", { n }) : t("letters.replay.none"));
    replay.disabled = n === 0;
    const most = listed.filter((l) => !l.box.disabled).length;
    all.checked = n > 0 && n === most;
    all.indeterminate = n > 0 && n < most;
  };
  const filters = () => {
    const names = [...new Set([...counts().keys(), ...seen])].sort();
    fill(reasons, names.length < 2 && !reason ? null : ["", ...names].map((name) => h("button", { class: "chip", type: "button", "aria-pressed": String(name === reason), title: name && known("reason." + name, name), onclick: () => {
      reason = name;
      restart();
    } }, name ? reasonName(name) : t("home.all"), counts().has(name) ? h("small", { text: number(counts().get(name)) }) : null)));
    const was = source.value;
    fill(source, h("option", { value: "", text: t("letters.any") }), [...sources].sort().map((s) => h("option", { value: s, text: s })));
    source.value = was;
    source.hidden = sources.size < 2 && !was;
    every.hidden = !(reason || source.value) || listed.length === 0;
    say(every, t("letters.every"));
  };
  async function more() {
    next.disabled = true;
    try {
      const before = listed.length;
      do { // a page may be empty, and not the last
        const answer = await find(`/v1/dead-letters?limit=${page}${query()}${cursor && "&cursor=" + encodeURIComponent(cursor)}`, signal);
        if (answer === null) return false;
        for (const l of answer.letters) {
          listed.push(l);
          if (l.source) sources.add(l.source);
          seen.add(l.reason);
          body.append(...row(l, chosen));
        }
        cursor = answer.next || "";
      } while (cursor && listed.length === before);
      next.hidden = !cursor;
      table.hidden = listed.length === 0;
      none.hidden = listed.length > 0;
      filters();
      chosen();
    } catch (error) {
      if (!signal.aborted) fill(said, note(error.message, "bad"));
    }
    next.disabled = false;
    wait.remove();
    return true;
  }
  function restart() {
    [cursor, listed] = ["", []];
    fill(body);
    return more();
  }
  // send asks first, and then for each part of what there is to send.
  async function send(parts, title) {
    if (!await confirm({ title, text: t("letters.sure"), yes: t("letters.yes") })) return;
    fill(said, note(t("letters.sending")));
    let sent = 0;
    const skipped = new Map();
    try {
      for (const part of parts) {
        for (let ask = part; ask;) {
          const answer = await post("/v1/dead-letters:replay", ask, signal);
          sent += answer.replayed;
          for (const [why, n] of Object.entries(answer.skipped || {})) skipped.set(why, (skipped.get(why) || 0) + n);
          ask = answer.next ? { ...part, ...answer.next } : null;
        }
      }
      await restart();
      fill(said, h("p", {}, h("b", { class: "good", text: t("letters.sent", { n: sent }) }), " ", sent ? t("letters.sent.why") : null),
        [...skipped].map(([why, n]) => note(t("letters.skipped", { n, why: known("letters.skip." + why, why) }))));
    } catch (error) {
      if (!signal.aborted) fill(said, sent ? note(t("letters.sent", { n: sent })) : null, note(error instanceof Problem ? error.message : t("status.lost"), "bad"));
    }
  }
  function replayChosen() {
    const some = listed.filter((l) => l.box.checked).map(({ partition, offset }) => ({ partition, offset }));
    const parts = Array.from({ length: Math.ceil(some.length / atOnce) }, (_, i) => ({ letters: some.slice(i * atOnce, (i + 1) * atOnce) }));
    return send(parts, t("letters.replay.title", { n: some.length }));
  }
  function replayAll() {
    // Not those that come meanwhile, which may be the same ones.
    const until = new Date(Date.parse(listed[0].time) + 1).toISOString();
    return send([{ ...(reason && { reason }), ...(source.value && { source: source.value }), until }],
      t("letters.every.title", { what: [reason && reasonName(reason), source.value].filter(Boolean).join(", ") }));
  }
  chosen();
  return {
    load: more,
    node: h("div", {}, h("div", { class: "tools" }, reasons, source), said, wait, none, h("div", { class: "wide" }, table),
      h("div", { class: "tools below" }, replay, every, next, again)),
  };
}

const reasonName = (reason) => known("reason.short." + reason, reason.replaceAll("_", " "));

// row is a letter's line, and the line below it that opens.
function row(l, chosen) {
  const id = `letter-${l.partition}-${l.offset}`;
  const inside = h("tr", { class: "inside", id, hidden: true }, h("td"), h("td", { colspan: 4 }));
  l.box = h("input", { type: "checkbox", "aria-label": t("letters.choose", { at: minute(l.time) }), disabled: Boolean(l.not_replayable), onchange: chosen });
  const toggle = h("button", { type: "button", class: "opens", "aria-expanded": "false", "aria-controls": id, text: minute(l.time), title: moment(l.time), onclick: () => {
    inside.hidden = !inside.hidden;
    toggle.setAttribute("aria-expanded", String(!inside.hidden));
    if (!inside.lastChild.firstChild) fill(inside.lastChild, letter(l));
  } });
  const line = h("tr", { onclick: (event) => { if (!event.target.closest("button, input, a")) toggle.click(); } },
    h("td", {}, l.box), h("td", { class: "when" }, toggle), h("td", {}, h("span", { class: "badge bad", title: l.reason, text: reasonName(l.reason) }), l.replayed ? h("span", { class: "badge quiet", text: t("letters.replayed") }) : null, l.replay_of ? h("span", { class: "badge quiet", text: t("letters.back") }) : null),
    h("td", {}, h("code", { text: l.source || l.topic })), h("td", { class: "detail", text: l.detail || "" }));
  return [line, inside];
}

// letter is all that is known of one.
function letter(l) {
  const place = (partition, offset) => (offset === undefined ? null : t("letters.offset", { partition: String(partition), offset: String(offset) }));
  const facts = [
    ["ops.reason", known("reason." + l.reason, l.reason)], ["letters.detail", l.detail],
    ["letters.key", l.key ? h("a", { class: "id", href: customerLink(l.key), text: l.key }) : l.key_base64 && hex(l.key_base64)],
    ["letters.from", l.topic && [l.topic, place(l.source_partition, l.source_offset)].filter(Boolean).join(", ")],
    ["letters.here", place(l.partition, l.offset)],
    ["letters.replayed", l.replayed && moment(l.replayed)],
    ["letters.back", l.replay_of && place(l.replay_of.partition, l.replay_of.offset)],
    ["letters.stays", l.not_replayable && known("letters.skip." + l.not_replayable, l.not_replayable)],
  ].filter(([, value]) => value);
  return h("div", {}, h("dl", { class: "pairs letter" }, facts.map(([key, value]) => [h("dt", { text: t(key) }), h("dd", {}, value)])),
    h("pre", { class: "code" }, h("code", { text: pretty(l) })),
    l.truncated ? h("p", { class: "note small", text: t("letters.cut", { n: l.size }) }) : null);
}

const hex = (base64) => [...atob(base64)].map((c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join(" ");

// pretty is the record as one reads it: JSON with its lines, other text as it is, bytes in hexadecimal.
function pretty(l) {
  if (l.value === undefined) return l.value_base64 ? hex(l.value_base64) : t("letters.empty");
  try {
    JSON.parse(l.value); // numbers keep their digits: only the spaces are changed
    return indent(l.value);
  } catch {
    return l.value;
  }
}

// indent lays JSON out without reading its numbers, which may have more digits than ours.
function indent(text) {
  let depth = 0;
  const line = () => "\n" + "  ".repeat(depth);
  return text.replace(/"(?:[^"\\]|\\.)*"|\s+|[{[]\s*[}\]]|[{}[\],:]/g, (part) => {
    if (part[0] === '"') return part;
    if (/^\s/.test(part)) return "";
    if (part.length > 1) return part.replace(/\s/g, "");
    if (part === "{" || part === "[") {
      depth++;
      return part + line();
    }
    if (part === "}" || part === "]") {
      depth--;
      return line() + part;
    }
    return part === "," ? part + line() : part + " ";
  });
}

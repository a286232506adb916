// Saving a rule file: over what was read, never over what somebody else wrote meanwhile; and what becomes of it.

import { h, fill, say, note } from "./dom.js";
import { t, number } from "./text.js";
import { get, segmentPath, Problem } from "./api.js";
import { readSegments, segmentLink } from "./segments.js";
import { readFile, writeFile, removeFile } from "./rulefiles.js";
import { confirm } from "./confirm.js";
import { diff } from "./diff.js";

const every = 1000;

// saving returns the means to save what edit holds. file is { name, base, tag, writable }, and is changed by it; changed is told after each
// save, reload after a file is gone, active gives the segment that is being looked at.
export function saving({ file, edit, active, changed, removed, signal }) {
  const told = h("div", { class: "saved", role: "status" }), differs = h("details", { class: "differs" }, h("summary", { text: t("save.differs") }), h("div"));
  const save = h("button", { class: "plain strong", type: "button", text: t("save"), title: "Ctrl+S", onclick: () => write() });
  const down = h("button", { class: "plain", type: "button", text: t("rules.download"), onclick: () => download(file.name, edit.text()) });
  const undo = h("button", { class: "plain", type: "button", text: t("save.discard"), onclick: () => { edit.set(file.base); say(told, ""); } });
  const remove = h("button", { class: "plain", type: "button", text: t("save.remove"), onclick: () => erase() });
  let good = false, busy = false, timer = 0;
  const dirty = () => edit.text() !== file.base;

  const update = (ok = good) => {
    good = ok;
    save.hidden = !file.writable;
    save.disabled = busy || !good || !dirty();
    down.classList.toggle("strong", !file.writable);
    down.disabled = !good;
    undo.hidden = !dirty() || !file.tag;
    remove.hidden = !file.writable || !file.tag;
    const lines = file.tag && dirty() ? diff(file.base, edit.text()) : null;
    differs.hidden = !lines;
    if (lines) fill(differs.lastChild, changes(lines));
  };
  // write saves over what the tag says; anew after a conflict, if it is meant.
  async function write(tag = file.tag) {
    if (save.disabled && tag === file.tag) return;
    clearTimeout(timer);
    busy = true;
    update();
    const text = edit.text();
    try {
      const answer = await writeFile(file.name, text, tag);
      Object.assign(file, { base: text, tag: answer.tag });
      busy = false;
      update();
      changed();
      if (answer.applied === "now") follow();
      else fill(told, h("p", {}, h("b", { class: "good", text: t("save.done") }), " ", t("save.later")));
    } catch (error) {
      busy = false;
      update();
      if (error instanceof Problem && error.status === 412) await conflict(text);
      else fill(told, note(error instanceof TypeError ? t("status.lost") : error.message, "bad"));
    }
  }
  // conflict shows what others wrote, and lets choose.
  async function conflict(mine) {
    let theirs;
    try {
      theirs = await readFile(file.name, signal);
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 404) return void fill(told, note(error.message, "bad"));
      theirs = { text: "", tag: "" }; // it is gone
    }
    const lines = diff(file.base, theirs.text);
    fill(told, note(t(file.tag ? "save.conflict" : "save.exists", { file: file.name }), "bad"),
      lines ? [h("h3", { text: t("save.theirs") }), changes(lines)] : null,
      h("p", { class: "tools" },
        h("button", { class: "plain", type: "button", text: t("save.take"), onclick: () => {
          Object.assign(file, { base: theirs.text, tag: theirs.tag });
          fill(told);
          edit.set(theirs.text);
        } }),
        h("button", { class: "plain", type: "button", text: t("save.mine"), onclick: () => {
          Object.assign(file, { base: theirs.text, tag: theirs.tag });
          write(theirs.tag);
        } }),
        h("button", { class: "plain", type: "button", text: t("save.keep"), onclick: () => download(file.name, mine) })));
  }
  async function erase() {
    if (!await confirm({ title: t("save.remove.title", { file: file.name }), text: t("save.remove.why"), yes: t("save.remove") })) return;
    try {
      await removeFile(file.name, file.tag);
      removed();
    } catch (error) {
      fill(told, note(error.message, "bad"));
    }
  }
  // follow waits until the rules are in force, and then tells how many are in the segment that is looked at, as it goes on.
  function follow() {
    const segment = active(), title = segment && (segment.title || segment.name);
    const state = h("p", {}, h("b", { class: "good", text: t("save.done") }), " ", t("save.taking")), live = h("p", { class: "figures" });
    fill(told, state, live);
    if (!segment) return;
    const count = h("b", { class: "big" }), more = h("span", { class: "note" }), link = h("a", { class: "plain", href: segmentLink(segment.name), text: t("save.see") });
    let there = false;
    const look = async () => {
      try {
        const s = await get(segmentPath(segment.name) + "?window=none", signal);
        if (s.when.trim() === (segment.when || "").trim()) {
          if (!there) {
            there = true;
            await readSegments(signal);
            fill(state, h("b", { class: "good", text: t("save.done") }), " ", t("save.force"));
            fill(live, count, more, link);
          }
          say(count, number(s.members));
          say(more, t("save.live", { n: s.members, title }) + " · " + t("segment.minute", { joins: number(s.joins_last_minute || 0), leaves: number(s.leaves_last_minute || 0) }));
        }
      } catch { /* while the server takes the rules up there are no answers */ }
      if (!signal.aborted) timer = setTimeout(look, every);
    };
    look();
  }
  signal.addEventListener("abort", () => clearTimeout(timer));
  return {
    node: h("div", {}, h("div", { class: "tools" }, save, down, undo, remove), file.writable ? null : note(file.why || t("save.cannot")), 
      file.pending ? note(t("save.pending")) : null, differs, told),
    update, write,
    // edited stops telling of what was saved before.
    edited() { clearTimeout(timer); fill(told); },
  };
}

const changes = (lines) => h("pre", { class: "code diff" }, lines.map((l) => h("span", { class: l.kind, text: { same: "  ", old: "− ", new: "+ " }[l.kind] + l.text + "\n" })));

function download(name, text) {
  const link = h("a", { href: URL.createObjectURL(new Blob([text], { type: "application/yaml" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// Writing rules: the server's compiler says what is wrong and where, the words say what a rule means, a study what it would do. What is good
// is saved where the server takes files, and downloaded elsewhere.

import { h, fill, card, note } from "./dom.js";
import { t, number } from "./text.js";
import { get, post, Problem } from "./api.js";
import { readSegments } from "./segments.js";
import { expand, outline } from "./words.js";
import { said } from "./rule.js";
import { editor } from "./editor.js";
import { completions } from "./completions.js";
import { definitions, keepDraft, readFiles, recallDraft, rest, yaml } from "./rulefiles.js";
import { runner, forget as forgetStudies } from "./study.js";
import { effect } from "./effect.js";
import { saving } from "./saving.js";

const settle = 250, mine = "rule.yaml", others = "in-force.yaml", draftOf = "new rule";
const ending = /\.ya?ml$/;

const example = `segments:
  my_segment:
    title: ${t("rules.example")}
    when: |
      purchase.last("30d").size() >= 3
      && purchase.last("30d").sum(p, p.amount) >= 1000000
`;

export async function open(name, { signal, show }) {
  const [segments, schema, known] = await Promise.all([readSegments(signal), get("/v1/schema", signal), readFiles(signal)]);
  const file = choose(name, segments, known);
  const draft = recallDraft(file.name || draftOf);
  if (draft && draft.text !== file.base) Object.assign(file, { text: draft.text, base: draft.base, tag: draft.tag });

  const verdict = h("p", { class: "verdict", role: "status" }), mistakes = h("ol", { class: "mistakes" }), meaning = h("div", { class: "said" });
  const chips = h("div", { class: "chips", role: "group", "aria-label": t("rules.segments") });
  let timer = 0, asked = 0, defined = definitions(file.text), active = null, good = false, drawn = "";
  const edit = editor({
    text: file.text, label: t("rules.label"), words: completions(schema), onmove: () => look(),
    onchange: () => {
      clearTimeout(timer);
      timer = setTimeout(check, settle);
      panel.edited();
      keepDraft(file.tag ? file.name : draftOf, edit.text() === file.base ? null : { text: edit.text(), base: file.base, tag: file.tag });
    },
  });
  const panel = saving({
    file, edit, signal, active: () => active,
    changed() {
      dropDrafts();
      forgetStudies();
      preview.outdate();
      if (!naming) return;
      // What was new has an address now, and its name for good.
      naming.readOnly = true;
      history.replaceState(null, "", "#/rules/" + encodeURIComponent(file.name));
    },
    removed() {
      dropDrafts();
      location.hash = "#/rules";
    },
  });
  const dropDrafts = () => [file.name, draftOf].forEach((name) => keepDraft(name, null));
  const preview = runner({
    label: t("effect.count"), about: t("effect.about"), show: effect, signal,
    ask: () => active && { segment: active.name, rules: edit.text() },
  });
  preview.button.title = "Ctrl+Enter";
  const naming = file.tag || !known ? null : h("input", { class: "name", value: file.name, spellcheck: "false", autocomplete: "off", "aria-label": t("rules.name"), pattern: "[\\w.\\-]+\\.ya?ml", oninput: () => {
    file.named = true;
    rename(naming.value.trim());
  } });
  const rename = (to) => {
    file.name = to;
    if (naming && naming.value.trim() !== to) naming.value = to;
  };
  const effectOf = h("span", { class: "note" });
  show(h("div", {},
    h("div", { class: "lead" }, h("h1", { text: t("nav.rules") }), h("p", { class: "summary", text: t(known?.writable ? "rules.about.save" : "rules.about") })),
    h("div", { class: "columns even" },
      card(t("rules.rule"), { tools: [picker(file, segments, known), naming] }, chips, edit.node,
        h("p", { class: "hint" }, keys("Ctrl+Space", t("rules.keys")), keys("Ctrl+Enter", t("effect.count")), file.writable ? keys("Ctrl+S", t("save")) : null), panel.node),
      h("div", { class: "stack" },
        card(t("rules.words"), {}, verdict, mistakes, meaning),
        card(t("effect.title"), { tools: effectOf }, preview.node)))), file.tag ? file.name : t("nav.rules"));

  // look follows the caret: the segment on whose lines it is, is the one that is said and counted.
  function look() {
    const here = edit.line(), all = defined.filter((d) => d.kind === "segments");
    active = all.filter((d) => d.line <= here).at(-1) || all[0] || null;
    const seen = JSON.stringify([active?.name, all.map((d) => [d.name, d.title])]);
    if (seen === drawn) return;
    drawn = seen;
    fill(chips, all.map((d) => h("button", { class: "chip", type: "button", "aria-pressed": String(d.name === active?.name), title: d.name, text: d.title || d.name, onclick: () => edit.show(d.line) })));
    chips.hidden = all.length < 2;
    chips.scrollLeft = (chips.querySelector("[aria-pressed=true]")?.offsetLeft || 0) - chips.offsetLeft - 24; // on a phone they are one line
    effectOf.textContent = active ? active.title || active.name : "";
    preview.button.disabled = !good || !active;
    preview.stale();
    if (good) say();
  }
  function say() {
    // Features stand for what the text says of them; those of other files, for what is in force.
    expand([...schema.features, ...defined.filter((d) => d.expression)]);
    fill(meaning, active?.when ? [h("h3", { text: t("rule.when.of", { segment: active.title || active.name }) }), said(outline(active.when)),
      active.until ? [h("h3", { text: t("rule.until") }), said(outline(active.until))] : null] : null);
  }

  async function check() {
    const text = edit.text(), turn = ++asked;
    defined = definitions(text);
    if (naming && !file.named) rename((defined.find((d) => d.kind === "segments")?.name || "rules") + ".yaml");
    look();
    preview.stale();
    const own = known ? file.name || mine : mine;
    const files = known ? Object.fromEntries(known.files.filter((f) => f.name !== own).map((f) => [f.name, f.text])) : { [others]: rest(text, segments, schema) };
    let answer;
    try {
      answer = await post("/v1/rules:check", { files: { ...files, [own]: text } }, signal);
    } catch (error) {
      if (signal.aborted || turn !== asked) return;
      verdict.className = "verdict out";
      fill(verdict, h("b", { text: error instanceof Problem ? error.message : t("status.lost") }));
      return;
    }
    if (turn !== asked) return;
    const here = answer.mistakes.filter((m) => m.file === own);
    edit.mark(here);
    // Where only another file is wrong, this one took something away that it needs.
    const shown = here.length ? here : answer.mistakes;
    verdict.className = "verdict " + (answer.ok ? "in" : "out");
    good = answer.ok;
    panel.update(good);
    preview.button.disabled = !good || !active;
    // What is wrong is not said in words: they would make it look right.
    if (answer.ok) say();
    else fill(meaning, note(t("rules.wait")));
    const names = new Set(defined.map((d) => d.name));
    const kept = answer.segments.filter((s) => names.has(s.name)).reduce((sum, s) => sum + (s.state_bytes || 0), 0);
    fill(verdict, h("b", { text: answer.ok ? t("rules.good") : t("rules.mistakes", { n: shown.length }) }), answer.ok && kept ? " " + t("rules.cost", { bytes: number(kept) }) : null);
    fill(mistakes, shown.map((m) => h("li", {},
      h("button", { type: "button", onclick: () => edit.go(m) }, m.line && m.file === own ? h("code", { text: `${m.line}:${m.column}` }) : m.file && known ? h("code", { text: m.file }) : null, " ", m.message || m.text),
      m.suggestion && m.file === own ? h("button", { class: "plain", type: "button", text: t("rules.use", { suggestion: m.suggestion }), onclick: () => edit.replace(m) }) : null)));
  }
  const press = (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    if (event.key === "Enter" && !preview.button.disabled) preview.begin();
    else if (event.key === "s" && file.writable) panel.write();
    else return;
    event.preventDefault();
  };
  document.addEventListener("keydown", press);
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    expand(schema.features);
    document.removeEventListener("keydown", press);
  });
  const start = defined.find((d) => d.kind === "segments" && d.name === name);
  if (start && defined[0] !== start) edit.show(start.line);
  look();
  await check();
  preview.recall();
}

// choose finds the file that a name means: the file's own, a segment's, or none: a new one.
function choose(name, segments, known) {
  const segment = segments.find((s) => s.name === name);
  if (!known) {
    const text = segment ? yaml(segment) : example;
    return { name: segment ? name + ".yaml" : mine, text, base: text, tag: "", writable: false };
  }
  const found = known.files.find((f) => (name && ending.test(name) ? f.name === name : f.text.includes(name + ":") && definitions(f.text).some((d) => d.kind === "segments" && d.name === name)));
  if (!found) return { name: "", text: segment ? yaml(segment) : example, base: "", tag: "", writable: known.writable, pending: known.pending };
  return { name: found.name, text: found.text, base: found.text, tag: `"${found.hash}"`, writable: found.writable, pending: known.pending, why: known.writable ? t("save.not.this") : "" };
}

// picker leads to another file, or to a segment in one; where the server tells no files, to a segment.
function picker(file, segments, known) {
  const titles = new Map(segments.map((s) => [s.name, s.title || s.name]));
  const choice = h("select", { "aria-label": t("rules.from"), onchange: () => { location.hash = choice.value ? "#/rules/" + encodeURIComponent(choice.value) : "#/rules"; } },
    h("option", { value: "", text: t("rules.new") }),
    known ? known.files.map((f) => h("option", { value: f.name, text: f.name }))
      : [...titles].sort(([, a], [, b]) => a.localeCompare(b)).map(([name, title]) => h("option", { value: name, text: title })));
  choice.value = known ? (file.tag ? file.name : "") : file.name.replace(ending, "");
  if (choice.selectedIndex < 0) choice.value = "";
  return choice;
}

const keys = (which, what) => h("span", {}, h("kbd", { text: which }), " ", what);

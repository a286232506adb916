// Trying a rule: the server's compiler says what is wrong with it and where, the words say what it means. Nothing is changed on the server:
// a rule that is good is downloaded, and goes the way of all files.

import { h, fill, say, card, note } from "./dom.js";
import { t, number } from "./text.js";
import { get, post, Problem } from "./api.js";
import { readSegments } from "./segments.js";
import { outline } from "./words.js";
import { said } from "./rule.js";
import { editor } from "./editor.js";

const settle = 250, mine = "rule.yaml", others = "in-force.yaml";

const example = `segments:
  my_segment:
    title: ${t("rules.example")}
    when: |
      purchase.last("30d").size() >= 3
      && purchase.last("30d").sum(p, p.amount) >= 1000000
`;

export async function open(name, { signal, show }) {
  const [segments, schema] = await Promise.all([readSegments(signal), get("/v1/schema", signal)]);
  const start = segments.find((s) => s.name === name);
  const verdict = h("p", { class: "verdict", role: "status" }), mistakes = h("ol", { class: "mistakes" }), meaning = h("div", { class: "said" });
  const edit = editor({ text: start ? yaml(start) : example, label: t("rules.label"), words: completions(schema), onchange: () => later() });
  const save = h("button", { class: "plain strong", type: "button", text: t("rules.download"), onclick: () => download((start?.name || "rule") + ".yaml", edit.text()) });
  const choice = h("select", { "aria-label": t("rules.from"), onchange: () => { location.hash = choice.value ? "#/rules/" + encodeURIComponent(choice.value) : "#/rules"; } },
    h("option", { value: "", text: t("rules.new") }),
    [...segments].sort((a, b) => (a.title || a.name).localeCompare(b.title || b.name)).map((s) => h("option", { value: s.name, text: s.title || s.name })));
  choice.value = start ? start.name : "";
  show(h("div", {},
    h("div", { class: "lead" }, h("h1", { text: t("nav.rules") }), h("p", { class: "summary", text: t("rules.about") })),
    h("div", { class: "columns even" },
      card(t("rules.rule"), { tools: choice }, edit.node, h("p", { class: "hint", text: t("rules.keys") })),
      h("div", { class: "stack" },
        card(t("rules.compiler"), {}, verdict, mistakes, save),
        card(t("rules.words"), {}, meaning)))), t("nav.rules"));

  let timer = 0, asked = 0;
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(check, settle);
  };
  const check = async () => {
    const text = edit.text(), turn = ++asked;
    let answer;
    try {
      answer = await post("/v1/rules:check", { files: { [mine]: text, [others]: rest(text, segments, schema) } }, signal);
    } catch (error) {
      if (signal.aborted || turn !== asked) return;
      verdict.className = "verdict out";
      fill(verdict, h("b", { text: error instanceof Problem ? error.message : t("status.lost") }));
      return;
    }
    if (turn !== asked) return;
    const own = answer.mistakes.filter((m) => m.file === mine);
    edit.mark(own);
    // Where only what is in force is wrong, this rule took something away that others need.
    const shown = own.length ? own : answer.mistakes;
    verdict.className = "verdict " + (answer.ok ? "in" : "out");
    save.disabled = !answer.ok;
    // What is wrong is not said in words: they would make it look right.
    if (answer.ok) {
      fill(meaning, definitions(text).filter((d) => d.when).map((d) => [h("h3", { text: d.title || d.name }), said(outline(d.when)),
        d.until ? [h("h3", { text: t("rule.until") }), said(outline(d.until))] : null]));
    } else {
      fill(meaning, note(t("rules.wait")));
    }
    const here = new Set(definitions(text).map((d) => d.name));
    const kept = answer.segments.filter((s) => here.has(s.name)).reduce((sum, s) => sum + (s.state_bytes || 0), 0);
    fill(verdict, h("b", { text: answer.ok ? t("rules.good") : t("rules.mistakes", { n: shown.length }) }), answer.ok && kept ? " " + t("rules.cost", { bytes: number(kept) }) : null);
    fill(mistakes, shown.map((m) => h("li", {},
      h("button", { type: "button", onclick: () => edit.go(m) }, m.line && m.file === mine ? h("code", { text: `${m.line}:${m.column}` }) : null, " ", m.message || m.text),
      m.suggestion && m.file === mine ? h("button", { class: "plain", type: "button", text: t("rules.use", { suggestion: m.suggestion }), onclick: () => edit.replace(m) }) : null)));
  };
  signal.addEventListener("abort", () => clearTimeout(timer));
  await check();
}

// yaml writes a segment as people do.
function yaml(s) {
  const plain = (text) => (/^[\w(][^#:{}[\]]*$/.test(text) ? text : JSON.stringify(text));
  const block = (text) => "|\n" + text.trim().split("\n").map((line) => "      " + line).join("\n");
  return ["segments:", `  ${s.name}:`, s.title && `    title: ${plain(s.title)}`, s.description && `    description: ${plain(s.description)}`,
    s.tags?.length && `    tags: [${s.tags.map(plain).join(", ")}]`, `    when: ${block(s.when)}`, s.until && `    until: ${block(s.until)}`,
    s.include?.length && `    include: [${s.include.join(", ")}]`].filter(Boolean).join("\n") + "\n";
}

// rest is a file of everything in force that the text does not define itself, so that rules may ask for each other.
function rest(text, segments, schema) {
  const here = new Set(definitions(text).map((d) => d.kind + "." + d.name));
  // What is a JSON text is a YAML text too.
  const features = schema.features.filter((f) => !here.has("features." + f.name)).map((f) => [f.name, f.expression]);
  const kept = segments.filter((s) => !here.has("segments." + s.name)).map(({ name, when, until, include }) => [name, { when, until, include }]);
  return JSON.stringify({ features: Object.fromEntries(features), segments: Object.fromEntries(kept) });
}

// definitions finds the names that a file defines, with the expressions of segments; by indentation, which is enough to say them in words.
function definitions(text) {
  const out = [], lines = text.split("\n");
  let kind = "", step = 0, key = "", inside = 0;
  for (const line of lines) {
    const [, space, name, value] = line.match(/^(\s*)([\w-]+):\s*(.*)$/) || [];
    const indent = line.search(/\S/);
    if (indent < 0) continue;
    if (name !== undefined && indent === 0) {
      [kind, step, key] = [name, 0, ""];
    } else if (name !== undefined && (step === 0 || indent === step)) {
      step = indent;
      key = "";
      out.push({ kind, name });
    } else if (name !== undefined && (key === "" || indent <= inside) && /^(when|until|title|description|tags|include)$/.test(name)) {
      [key, inside] = [name, space.length];
      if (out.length) out.at(-1)[key] = /^[|>]/.test(value) ? "" : unquote(value);
    } else if (key && indent > inside && out.length) {
      out.at(-1)[key] += line.slice(indent) + "\n";
    }
  }
  return out;
}

function unquote(value) {
  if (/^'.*'$/.test(value)) return value.slice(1, -1).replaceAll("''", "'");
  if (/^".*"$/.test(value)) {
    try {
      return JSON.parse(value);
    } catch { /* YAML knows more escapes; then the words are missing */ }
  }
  return value;
}

function download(name, text) {
  const link = h("a", { href: URL.createObjectURL(new Blob([text], { type: "application/yaml" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// completions gives what may follow a dot behind a name, and what may stand alone.
function completions(schema) {
  const detail = (p) => [p.type, p.required ? "" : t("rules.optional"), p.description].filter(Boolean).join(" · ");
  const functions = ["last", "before", "between", "after", "followed_by", "not_followed_by", "not_yet_followed_by", "filter", "exists", "all", "map", "size", "sum", "avg", "min", "max", "distinct", "count_by", "sum_by", "first", "newest"];
  const types = new Map(schema.types.map((type) => [type.name, type]));
  return {
    alone: [
      ...schema.types.map((type) => ({ word: type.name, detail: type.description || "" })),
      { word: "profile", detail: t("customer.profile") }, { word: "feature", detail: t("customer.features") }, { word: "events", detail: t("many.events") }, { word: "now", detail: t("w.now") },
      ...["ago", "age", "days_since", "days_until", "day", "has", "in_segment"].map((word) => ({ word: word + "(", detail: "" })),
    ],
    // after is what may follow "path."; text is all before it, which tells what a macro's name stands for.
    after(path, text) {
      if (path === "profile") return schema.profile.map((p) => ({ word: p.name, detail: detail(p) }));
      if (path === "feature") return schema.features.map((f) => ({ word: f.name, detail: f.expression }));
      const bound = [...text.matchAll(/\b(\w+)(?:\.\w+\([^()]*\))*\.(?:filter|exists|exists_one|all|map|sum|avg|min|max|distinct|count_by|sum_by)\((\w+),/g)].filter((m) => m[2] === path).at(-1);
      const type = bound && types.get(bound[1]);
      if (type) return [...type.properties.map((p) => ({ word: p.name, detail: detail(p) })), { word: "time", detail: "" }];
      return functions.map((word) => ({ word: word + "(", detail: "" }));
    },
    segments: schema.segments.map((word) => ({ word, detail: "" })),
  };
}

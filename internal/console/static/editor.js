// A field for rules: a textarea over a copy of its text that carries the underlines, and a list of what may come next.

import { h, fill } from "./dom.js";
import { t } from "./text.js";

const most = 8;

// editor returns { node, text, set, mark, go, replace, line, show }. Places are lines and columns from 1, in characters, as the compiler tells
// them. onmove is told when the caret may be on another line.
export function editor({ text, label, words, onchange, onmove = () => {} }) {
  const under = h("pre", { class: "under", "aria-hidden": "true" });
  const list = h("ul", { class: "found", role: "listbox", id: "completions", "aria-label": t("rules.completions"), hidden: true });
  const said = h("p", { class: "note bad told", role: "status" });
  const field = h("textarea", {
    class: "field", spellcheck: "false", autocomplete: "off", autocapitalize: "off", "aria-label": label, rows: 18, wrap: "off",
    "aria-controls": "completions", "aria-describedby": "told",
  });
  said.id = "told";
  field.value = text;
  let marks = [], choices = [], at = 0;

  // place is the offset of a line and column; columns count characters, offsets UTF-16 units.
  const place = (line, column) => {
    const lines = field.value.split("\n");
    if (line > lines.length) return field.value.length;
    const before = lines.slice(0, line - 1).reduce((sum, l) => sum + l.length + 1, 0);
    return before + [...lines[line - 1]].slice(0, column - 1).join("").length;
  };
  const draw = (caret) => {
    const parts = [];
    let from = 0;
    const points = marks.map((m) => [m.from, m.to]).filter(([a, b]) => a < b).sort((a, b) => a[0] - b[0]);
    const plain = (a, b) => {
      if (caret !== undefined && caret >= a && caret <= b && !parts.some((p) => p.className === "caret")) {
        parts.push(field.value.slice(a, caret), h("span", { class: "caret" }), field.value.slice(caret, b));
      } else {
        parts.push(field.value.slice(a, b));
      }
    };
    for (const [a, b] of points) {
      if (a < from) continue;
      plain(from, a);
      parts.push(h("u", { text: field.value.slice(a, b) }));
      from = b;
    }
    plain(from, field.value.length);
    // Empty texts are left out by fill; the last line needs its height.
    fill(under, parts, "\n");
    scroll();
  };
  const scroll = () => {
    under.scrollTop = field.scrollTop;
    under.scrollLeft = field.scrollLeft;
  };
  const tell = () => {
    const caret = field.selectionStart;
    const here = marks.find((m) => caret >= m.from && caret <= m.to) || marks.find((m) => line(m.from) === line(caret));
    said.textContent = here ? here.message : "";
    onmove();
  };
  const line = (offset) => field.value.slice(0, offset).split("\n").length;

  const close = () => {
    list.hidden = true;
    choices = [];
    field.removeAttribute("aria-activedescendant");
  };
  const suggest = (asked) => {
    const before = field.value.slice(0, field.selectionStart);
    const quoted = before.match(/in_segment\(["'](\w*)$/);
    const dotted = before.match(/(\w+|\))\.(\w*)$/), alone = before.match(/(?:^|[^\w."'])([a-z_]\w*)$/);
    // Keys of the file are not expressions.
    const key = /^\s*\w*$/.test(before.slice(before.lastIndexOf("\n") + 1)) && !/(when|until): \|\s*\n(\s{6,}.*\n)*\s*\w*$/.test(before);
    let from, offered;
    if (quoted) [from, offered] = [quoted[1], words.segments];
    else if (dotted) [from, offered] = [dotted[2], words.after(dotted[1], before)];
    else if (alone && !key && (asked || alone[1].length >= 2)) [from, offered] = [alone[1], words.alone];
    else if (asked && !key) [from, offered] = ["", words.alone];
    else return close();
    choices = offered.filter((o) => o.word.startsWith(from) && o.word !== from).slice(0, most).map((o) => ({ ...o, rest: o.word.slice(from.length) }));
    if (choices.length === 0) return close();
    at = 0;
    fill(list, choices.map((c, i) => {
      const item = h("li", { role: "option", id: "completion-" + i, "aria-selected": i === 0 ? "true" : false }, h("code", { text: c.word }), h("small", { text: c.detail }));
      item.addEventListener("mousedown", (event) => { event.preventDefault(); accept(i); });
      return item;
    }));
    field.setAttribute("aria-activedescendant", "completion-0");
    draw(field.selectionStart);
    const caret = under.querySelector(".caret");
    if (caret) {
      list.style.left = Math.max(0, Math.min(caret.offsetLeft - field.scrollLeft, field.clientWidth - 260)) + "px";
      list.style.top = caret.offsetTop - field.scrollTop + 24 + "px";
    }
    list.hidden = false;
  };
  const insert = (from, to, text) => {
    field.focus();
    field.setRangeText(text, from, to, "end");
    changed();
  };
  const accept = (i) => {
    const choice = choices[i];
    close();
    const open = choice.rest.endsWith("(") && field.value[field.selectionEnd] === "(";
    insert(field.selectionStart, field.selectionEnd, open ? choice.rest.slice(0, -1) : choice.rest);
    if (choice.word === "profile" || choice.word === "feature") insert(field.selectionStart, field.selectionStart, ".");
  };
  const move = (by) => {
    list.children[at].removeAttribute("aria-selected");
    at = (at + by + choices.length) % choices.length;
    list.children[at].setAttribute("aria-selected", "true");
    field.setAttribute("aria-activedescendant", "completion-" + at);
  };
  const changed = () => {
    marks = [];
    draw();
    tell();
    suggest(false);
    onchange();
  };

  field.addEventListener("input", changed);
  field.addEventListener("scroll", scroll);
  field.addEventListener("blur", close);
  field.addEventListener("click", () => { close(); tell(); });
  field.addEventListener("keyup", (event) => { if (/^(Arrow|Page|Home|End)/.test(event.key) && list.hidden) tell(); });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      close(); // the page's own
    } else if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      suggest(true);
    } else if (!list.hidden && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      move(event.key === "ArrowDown" ? 1 : -1);
    } else if (!list.hidden && (event.key === "Enter" || event.key === "Tab")) {
      event.preventDefault();
      accept(at);
    } else if (event.key === "Escape") {
      close();
    } else if (event.key === "Enter") {
      // A new line begins where the last one did.
      event.preventDefault();
      const before = field.value.slice(0, field.selectionStart);
      const [space] = before.slice(before.lastIndexOf("\n") + 1).match(/^\s*/);
      insert(field.selectionStart, field.selectionEnd, "\n" + space + (/:\s*[|>]?$/.test(before) ? "  " : ""));
    }
  });
  draw();
  return {
    node: h("div", { class: "editor" }, h("div", { class: "sheet" }, under, field, list), said),
    text: () => field.value,
    set(text) {
      close();
      const at = Math.min(field.selectionStart, text.length);
      field.value = text;
      field.setSelectionRange(at, at);
      marks = [];
      draw();
      tell();
      onchange();
    },
    line: () => line(field.selectionStart),
    // show puts the caret on a line, and the line near the top.
    show(number) {
      field.focus({ preventScroll: true });
      const at = place(number, 1);
      field.setSelectionRange(at, at);
      field.scrollTop = (number - 2) * parseFloat(getComputedStyle(field).lineHeight);
      scroll();
      tell();
    },
    mark(mistakes) {
      marks = mistakes.filter((m) => m.line).map((m) => {
        const from = place(m.line, m.column), to = m.end_column ? place(m.line, m.end_column) : from + 1;
        return { from, to: Math.max(to, from + 1), message: m.message || m.text };
      });
      draw();
      tell();
    },
    go(m) {
      field.focus();
      if (!m.line) return;
      const from = place(m.line, m.column);
      field.setSelectionRange(from, m.end_column ? place(m.line, m.end_column) : from);
      tell();
    },
    replace(m) { insert(place(m.line, m.column), place(m.line, m.end_column), m.suggestion); },
  };
}

// Rules in words. Every function of a rule has a text in the dictionary; an expression for which there is none stays as it is written, for a
// rule that is told half would be told wrong.

import { parse } from "./cel.js";
import { t, known, number, language, date } from "./text.js";

// What features stand for, by name, and what segments are called.
let features = new Map(), titleOf = (name) => name;
export const expand = (list) => { features = new Map(list.map((f) => [f.name, f.expression])); };
export const titles = (give) => { titleOf = give; };

class Unknown extends Error {}
const unknown = () => { throw new Unknown(); };

// words says an expression in one line; "" where it cannot be said. With list it is not a condition but a list of
// so many events.
export function words(text, list = 0) {
  try {
    const tree = parse(text);
    return list ? events(tree, {}, list === 1 ? "one" : "many") : condition(tree, {});
  } catch (error) {
    if (error instanceof Unknown || error instanceof SyntaxError) return "";
    throw error;
  }
}

// outline says an expression as a tree: { all: [...] }, { any: [...] }, { text } or, where there are no words, { code }.
export function outline(text) {
  try {
    return part(parse(text), text);
  } catch (error) {
    if (error instanceof SyntaxError) return { code: text };
    throw error;
  }
}

function part(node, text) {
  for (const [op, name] of [["&&", "all"], ["||", "any"]]) {
    if (node.kind === "op" && node.op === op) return { [name]: operands(node, op).map((n) => part(n, text)) };
  }
  try {
    return { text: condition(node, {}) };
  } catch (error) {
    if (error instanceof Unknown) return { code: text.slice(node.from, node.to) };
    throw error;
  }
}

// operands flattens a && b && c. A bracket in between keeps its place in the text, not in the tree.
const operands = (node, op) => (node.kind === "op" && node.op === op ? [...operands(node.left, op), ...operands(node.right, op)] : [node]);

// ---- conditions. scope says what the names of a macro stand for.

const comparisons = { "<": "less", "<=": "most", ">": "more", ">=": "least", "==": "is", "!=": "isnot" };
const turned = { "<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!=" };
const opposite = { "<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "==" };

function condition(node, scope) {
  switch (node.kind) {
    case "op": return operation(node, scope);
    case "not": return negation(node.of, scope);
    case "value": return node.value === true ? t("w.true") : node.value === false ? t("w.false") : unknown();
    case "select": return t("w.yes", { a: value(node, scope) });
    case "call": return callCondition(node, scope);
    case "if": return t("w.if", { test: condition(node.test, scope), yes: condition(node.yes, scope), no: condition(node.no, scope) });
    default: return unknown();
  }
}

function operation(node, scope) {
  const { op, left, right } = node;
  if (op === "&&") return operands(node, op).map((n) => bracket(n, "||", scope)).join(t("w.and"));
  if (op === "||") return operands(node, op).map((n) => condition(n, scope)).join(t("w.or"));
  if (op === "in") return membership(left, right, scope);
  if (!comparisons[op]) return unknown();
  if (left.kind === "value" && right.kind !== "value") return compare(turned[op], right, left, scope);
  return compare(op, left, right, scope);
}

const bracket = (node, op, scope) => (node.kind === "op" && node.op === op ? `(${condition(node, scope)})` : condition(node, scope));

function compare(op, left, right, scope) {
  if (isSize(left) && isEvents(left.of) && right.kind === "value" && Number.isInteger(right.value)) {
    const said = howMany(op, left.of, right.value, scope);
    if (said) return said;
  }
  // Days to a yearly day: 0 is the day itself.
  if (left.kind === "call" && left.name === "days_until" && op === "==" && right.value === 0) {
    return known("w.today." + left.args[0].name, t("w.today", { a: value(left.args[0], scope) }));
  }
  if (right.kind === "call" && right.name === "ago" && (op === "<" || op === ">")) {
    return t(op === "<" ? "w.longer.ago" : "w.shorter.ago", { a: value(left, scope), d: duration(right.args[0]) });
  }
  return t("w." + comparisons[op], { a: value(left, scope), b: value(right, scope) });
}

const isSize = (node) => node.kind === "call" && node.name === "size" && node.args.length === 0;

// howMany says how many events a list has, as one says it: "no purchases", "at least 3 purchases".
function howMany(op, of, n, scope) {
  if (op === ">") return howMany(">=", of, n + 1, scope);
  if (op === "<") return howMany("<=", of, n - 1, scope);
  if (op === "!=" && n === 0) return howMany(">=", of, 1, scope);
  if ((op === "<=" || op === "==") && n === 0) return t("w.none", { list: events(of, scope) });
  const name = { ">=": "w.count.least", "<=": "w.count.most", "==": "w.count.is", "!=": "w.count.isnot" }[op];
  return t(name, { n, list: events(of, scope, n === 1 ? "one" : "many") });
}

function membership(left, right, scope) {
  if (right.kind === "list") {
    const items = right.items.map((item) => value(item, scope));
    if (left.kind === "call" && /^getDayOfWeek$/.test(left.name)) {
      return t("w.oneof", { a: value(left, scope), list: enumerate(right.items.map((item) => weekday(item.value))) });
    }
    return t("w.oneof", { a: value(left, scope), list: enumerate(items) });
  }
  return t("w.includes", { a: value(right, scope), b: value(left, scope) });
}

function negation(node, scope) {
  if (node.kind === "op" && node.op === "in" && node.right.kind === "list") {
    return t("w.noneof", { a: value(node.left, scope), list: enumerate(node.right.items.map((item) => value(item, scope))) });
  }
  if (node.kind === "op" && opposite[node.op]) return condition({ ...node, op: opposite[node.op] }, scope);
  if (node.kind === "call" && node.name === "in_segment") return t("w.notin", { segment: titleOf(text(node.args[0])) });
  if (node.kind === "call" && node.name === "has") return t("w.hasnot", { a: value(node.args[0], scope) });
  if (node.kind === "call" && node.name === "exists" && isEvents(node.of)) return t("w.none", { list: matching(node, scope) });
  if (node.kind === "select") return t("w.isno", { a: value(node, scope) });
  return t("w.not", { a: condition(node, scope) });
}

function callCondition(node, scope) {
  const { name, of, args } = node;
  switch (name) {
    case "in_segment": return t("w.in", { segment: titleOf(text(args[0])) });
    case "has": return t("w.has", { a: value(args[0], scope) });
    case "exists":
    case "exists_one":
    case "all":
      return isEvents(of) ? ofEvents(node, scope) : ofValues(node, scope);
    case "matches": return t("w.matches", { a: value(of, scope), b: value(args[0], scope) });
    case "contains":
    case "startsWith":
    case "endsWith":
      return t("w." + name, { a: value(of, scope), b: value(args[0], scope) });
    default: return unknown();
  }
}

function ofEvents(node, scope) {
  if (node.name === "exists") return t("w.count.least", { n: 1, list: matching(node, scope, "one") });
  if (node.name === "exists_one") return t("w.count.is", { n: 1, list: matching(node, scope, "one") });
  return t("w.all", { list: events(node.of, scope), p: condition(node.args[1], bind(scope, node.args[0])) });
}

const matching = (node, scope, form) => t("w.filter", { list: events(node.of, scope, form), p: condition(node.args[1], bind(scope, node.args[0])) });

// ofValues is about lists of texts or numbers, and about maps from a key to a number.
function ofValues(node, scope) {
  const { of, args, name } = node;
  const kind = name === "exists" ? "some" : name === "all" ? "every" : unknown();
  if (args.length === 3 && of.kind === "call" && (of.name === "count_by" || of.name === "sum_by")) {
    const inner = bind(scope, of.args[0]);
    const what = { key: value(of.args[1], inner), list: events(of.of, scope), x: of.name === "sum_by" ? value(of.args[2], inner) : "" };
    const names = { ...scope, [args[0].name]: what.key, [args[1].name]: t(of.name === "count_by" ? "w.group.count" : "w.group.sum", what) };
    return t("w.group." + kind, { ...what, p: condition(args[2], names) });
  }
  if (args.length !== 2) return unknown();
  return t("w.value." + kind, { a: value(of, scope), p: condition(args[1], { ...scope, [args[0].name]: t("w.it") }) });
}

const bind = (scope, name) => (name.kind === "name" ? { ...scope, [name.name]: events_ } : unknown());
const events_ = Symbol("an event");

// ---- lists of events

const listCalls = new Set(["last", "before", "between", "after", "filter", "followed_by", "not_followed_by", "not_yet_followed_by", "newest"]);
const notEvents = new Set(["profile", "feature", "now"]);

function isEvents(node) {
  if (node.kind === "name") return !notEvents.has(node.name);
  return node.kind === "call" && node.of !== null && listCalls.has(node.name) && (node.name !== "newest" || node.args.length === 1) && isEvents(node.of);
}

// form says in which form the list's noun is wanted: "many", "one" (behind a number), or "a".
function events(node, scope, form = "many") {
  if (!isEvents(node)) return unknown();
  if (node.kind === "name") {
    if (node.name in scope) return unknown();
    return known(form + "." + node.name, t("w.event." + form, { type: node.name.replaceAll("_", " ") }));
  }
  const { name, args, of } = node;
  const list = () => events(of, scope, form);
  switch (name) {
    case "last": return t("w.last", { list: list(), d: duration(args[0]) });
    case "before": return t("w.before", { list: list(), d: duration(args[0]) });
    case "between": return t("w.between", { list: list(), a: duration(args[0]), b: duration(args[1]) });
    case "after": return t("w.after", { list: list(), other: events(args[0], scope, "one") });
    case "filter": return t("w.filter", { list: list(), p: condition(args[1], bind(scope, args[0])) });
    case "newest": return args[0].kind === "value" ? t("w.newestn", { list: list(), n: args[0].value }) : unknown();
    default: {
      const other = events(args[0], scope, name === "followed_by" ? "a" : "one");
      const same = args[2] ? t("w.same", { field: property(text(args[2])) }) : "";
      return t("w." + name, { list: list(), other, d: duration(args[1]), same });
    }
  }
}

// ---- values

function value(node, scope) {
  switch (node.kind) {
    case "value": return literal(node.value);
    case "minus": return "−" + value(node.of, scope);
    case "name": return typeof scope[node.name] === "string" ? scope[node.name] : node.name === "now" ? t("w.now") : unknown();
    case "list": return enumerate(node.items.map((item) => value(item, scope)));
    case "select": return selection(node, scope);
    case "call": return callValue(node, scope);
    case "op": return arithmetic(node, scope);
    case "if": return t("w.if.value", { test: condition(node.test, scope), yes: value(node.yes, scope), no: value(node.no, scope) });
    default: return unknown();
  }
}

const literal = (v) => (typeof v === "number" ? number(v) : typeof v === "boolean" ? t(v ? "yes" : "no") : `“${v}”`);

function selection(node, scope) {
  const { of, name } = node;
  if (of.kind === "name" && of.name === "profile") return property(name);
  if (of.kind === "name" && of.name === "feature") return feature(name);
  if (of.kind === "name" && scope[of.name] === events_) return property(name);
  if (of.kind === "call" && (of.name === "newest" || of.name === "first") && of.args.length === 0) {
    return t("w." + of.name, { a: property(name), list: events(of.of, scope, "one") });
  }
  return unknown();
}

// feature is what a feature computes, where that is one value that there are words for; else its name.
function feature(name) {
  try {
    return value(parse(features.get(name) ?? ""), {});
  } catch (error) {
    if (error instanceof Unknown || error instanceof SyntaxError) return name.replaceAll("_", " ");
    throw error;
  }
}

const property = (name) => known("prop." + name, name.replaceAll("_", " "));

const accessors = { getHours: "hours", getDayOfWeek: "weekday", getMonth: "month", getDayOfMonth: "day", getDate: "date", getFullYear: "year" };

function callValue(node, scope) {
  const { name, of, args } = node;
  if (of === null) {
    switch (name) {
      case "age":
      case "day":
      case "days_since":
      case "days_until":
        return known(`w.${name}.${args[0].name}`, t("w." + name, { a: value(args[0], scope) }));
      case "ago": return t("w.ago", { d: duration(args[0]) });
      case "double":
      case "int":
        return value(args[0], scope);
      case "timestamp": return date(text(args[0]));
      default: return unknown();
    }
  }
  if (accessors[name]) return t("w.of." + accessors[name], { a: value(of, scope), zone: args[0] ? ` (${text(args[0])})` : " (UTC)" });
  if (name === "size") {
    if (of.kind === "call" && of.name === "distinct") return t("w.different", { x: value(of.args[1], bind(scope, of.args[0])), list: events(of.of, scope) });
    return isEvents(of) ? t("w.size", { list: events(of, scope) }) : t("w.size", { list: value(of, scope) });
  }
  if (["sum", "avg", "min", "max", "map", "distinct"].includes(name) && isEvents(of)) {
    return t("w." + name, { x: value(args[1], bind(scope, args[0])), list: events(of, scope) });
  }
  return unknown();
}

function arithmetic(node, scope) {
  const sign = { "+": "+", "-": "−", "*": "×", "/": "÷" }[node.op] || unknown();
  const side = (n) => (n.kind === "op" ? `(${value(n, scope)})` : value(n, scope));
  return `${side(node.left)} ${sign} ${side(node.right)}`;
}

const text = (node) => (node?.kind === "value" && typeof node.value === "string" ? node.value : unknown());

const unitNames = { s: "second", m: "minute", h: "hour", d: "day", w: "week" };

function duration(node) {
  const found = text(node).match(/^(\d+)([smhdw])$/) || unknown();
  return new Intl.NumberFormat(language, { style: "unit", unit: unitNames[found[2]], unitDisplay: "long" }).format(Number(found[1]));
}

const enumerate = (items) => new Intl.ListFormat(language, { type: "disjunction" }).format(items);

// 4 January 1970 was a Sunday, which CEL counts as 0.
const weekday = (n) => new Intl.DateTimeFormat(language, { weekday: "long", timeZone: "UTC" }).format(new Date(Date.UTC(1970, 0, 4 + n)));

// A reader of CEL expressions, as far as it takes to say them in words. What is right or wrong is the server's to say.

const token = /\s+|\/\/[^\n]*|(?<number>\d+\.\d*(?:[eE][+-]?\d+)?|\d+(?:[eE][+-]?\d+)?)|(?<string>[rR]?(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'))|(?<name>[A-Za-z_]\w*)|(?<sign>&&|\|\||[<>=!]=|[-+*\/%<>!?:.,()[\]])/gy;

function split(text) {
  const out = [];
  token.lastIndex = 0;
  while (token.lastIndex < text.length) {
    const start = token.lastIndex;
    const found = token.exec(text);
    if (!found) throw new SyntaxError("at " + start);
    const [kind, value] = Object.entries(found.groups).find(([, v]) => v !== undefined) || [];
    if (kind) out.push({ kind, value, start, end: token.lastIndex });
  }
  return out;
}

function unquote(text) {
  const raw = /^[rR]/.test(text);
  const inside = text.slice(raw ? 2 : 1, -1);
  return raw ? inside : inside.replace(/\\(.)/g, (_, c) => ({ n: "\n", t: "\t" }[c] ?? c));
}

// Operators by how tightly they bind, the loosest first.
const levels = [["||"], ["&&"], ["<", "<=", ">", ">=", "==", "!=", "in"], ["+", "-"], ["*", "/", "%"]];

// parse returns a tree. Each node has its kind: "value", "name", "select", "call", "index", "not", "minus", "list", "if", or "op", and from
// and to, its place in the text. It throws a SyntaxError for what it does not know.
export function parse(text) {
  const tokens = split(text);
  let at = 0;
  const peek = () => tokens[at]?.value;
  const isSign = (value) => tokens[at] && tokens[at].kind !== "string" && tokens[at].value === value;
  const take = (value) => (isSign(value) ? tokens[at++] : null);
  const need = (value) => take(value) || fail();
  const fail = () => { throw new SyntaxError("unexpected " + (peek() ?? "end")); };
  const node = (from, properties) => ({ ...properties, from, to: tokens[at - 1].end });
  const start = () => (tokens[at] || fail()).start;

  function choice() {
    const from = start(), test = level(0);
    if (!take("?")) return test;
    const yes = choice();
    need(":");
    return node(from, { kind: "if", test, yes, no: choice() });
  }
  function level(n) {
    if (n === levels.length) return unary();
    const from = start();
    let left = level(n + 1);
    while (tokens[at] && tokens[at].kind !== "string" && levels[n].includes(peek())) {
      const op = tokens[at++].value;
      left = node(from, { kind: "op", op, left, right: level(n + 1) });
    }
    return left;
  }
  function unary() {
    const from = start();
    if (take("!")) return node(from, { kind: "not", of: unary() });
    if (take("-")) return node(from, { kind: "minus", of: unary() });
    return member();
  }
  function member() {
    const from = start();
    let of = primary();
    for (;;) {
      if (take(".")) {
        const name = tokens[at++];
        if (name?.kind !== "name") fail();
        of = take("(") ? node(from, { kind: "call", of, name: name.value, args: rest(")") }) : node(from, { kind: "select", of, name: name.value });
      } else if (take("[")) {
        const key = choice();
        need("]");
        of = node(from, { kind: "index", of, key });
      } else {
        return of;
      }
    }
  }
  function rest(close) {
    const out = [];
    while (!take(close)) {
      out.push(choice());
      if (!isSign(close)) need(",");
    }
    return out;
  }
  function primary() {
    const from = start(), next = tokens[at++];
    if (next.kind === "number") return node(from, { kind: "value", value: Number(next.value) });
    if (next.kind === "string") return node(from, { kind: "value", value: unquote(next.value) });
    if (next.kind === "name") {
      if (next.value === "true" || next.value === "false") return node(from, { kind: "value", value: next.value === "true" });
      if (take("(")) return node(from, { kind: "call", of: null, name: next.value, args: rest(")") });
      return node(from, { kind: "name", name: next.value });
    }
    if (next.value === "(") {
      const inside = choice();
      need(")");
      return { ...inside, from, to: tokens[at - 1].end };
    }
    if (next.value === "[") return node(from, { kind: "list", items: rest("]") });
    return fail();
  }
  const tree = choice();
  if (at < tokens.length) fail();
  return tree;
}

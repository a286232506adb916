// Rule files: what the server has, what a file defines, and what is written here and not saved yet.

import { find, getTagged, put, drop } from "./api.js";
import { remember, recall } from "./store.js";

const kind = "application/yaml";
const filePath = (name) => "/v1/rules/" + encodeURIComponent(name);

// readFiles gives { files: [{ name, text, writable }], writable }, or null where the server tells nothing of its files.
export const readFiles = (signal) => find("/v1/rules", signal);

// readFile gives { text, tag }.
export async function readFile(name, signal) {
  const { body, tag } = await getTagged(filePath(name), signal);
  return { text: body.text, tag };
}

// writeFile gives { tag, applied }: "now", or "at_restart". Without a tag the file must be new.
export async function writeFile(name, text, tag) {
  const { body, tag: next } = await put(filePath(name), text, kind, tag);
  return { tag: next, applied: body.applied };
}

export const removeFile = (name, tag) => drop(filePath(name), tag);

// Drafts last until the tab is closed: a look at a customer loses nothing. base is the text that was read, with its tag.
export function keepDraft(name, draft) {
  remember("draft." + name, draft && JSON.stringify(draft), sessionStorage);
}

export function recallDraft(name) {
  try {
    return JSON.parse(recall("draft." + name, sessionStorage));
  } catch {
    return null;
  }
}

// yaml writes a segment as people do.
export function yaml(s) {
  const plain = (text) => (/^[\w(][^#:{}[\]]*$/.test(text) ? text : JSON.stringify(text));
  const block = (text) => "|\n" + text.trim().split("\n").map((line) => "      " + line).join("\n");
  return ["segments:", `  ${s.name}:`, s.title && `    title: ${plain(s.title)}`, s.description && `    description: ${plain(s.description)}`,
    s.tags?.length && `    tags: [${s.tags.map(plain).join(", ")}]`, `    when: ${block(s.when)}`, s.until && `    until: ${block(s.until)}`,
    s.include?.length && `    include: [${s.include.join(", ")}]`].filter(Boolean).join("\n") + "\n";
}

// rest is a file of everything in force that the text does not define itself, for servers that do not tell their files.
export function rest(text, segments, schema) {
  const here = new Set(definitions(text).map((d) => d.kind + "." + d.name));
  // What is a JSON text is a YAML text too.
  const features = schema.features.filter((f) => !here.has("features." + f.name)).map((f) => [f.name, f.expression]);
  const kept = segments.filter((s) => !here.has("segments." + s.name)).map(({ name, when, until, include }) => [name, { when, until, include }]);
  return JSON.stringify({ features: Object.fromEntries(features), segments: Object.fromEntries(kept) });
}

// definitions finds what a file defines: { kind, name, line, expression } or { …, when, until, title, … }; by indentation, which is enough to say it in words.
export function definitions(text) {
  const out = [];
  let section = "", step = 0, key = "", inside = 0, number = 0;
  for (const line of text.split("\n")) {
    number++;
    const [, space, name, value] = line.match(/^(\s*)([\w-]+):\s*(.*)$/) || [];
    const indent = line.search(/\S/);
    if (indent < 0) continue;
    if (name !== undefined && indent === 0) {
      [section, step, key] = [name, 0, ""];
    } else if (name !== undefined && (step === 0 || indent === step)) {
      step = indent;
      [key, inside] = [section === "features" ? "expression" : "", indent];
      out.push({ kind: section, name, line: number, ...(key && { [key]: /^[|>]/.test(value) ? "" : unquote(value) }) });
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

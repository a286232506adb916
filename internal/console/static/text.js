// The words of the page in the reader's language, and numbers and moments as that language writes them.

import { recall, remember } from "./store.js";

export const languages = { en: "English", id: "Bahasa Indonesia" };

const wanted = recall("language") || (navigator.languages || []).map((l) => l.slice(0, 2)).find((l) => l in languages);
export const language = wanted in languages ? wanted : "en";

const words = await fetch(new URL(language + ".json", import.meta.url)).then((answer) => answer.json());
const plurals = new Intl.PluralRules(language);

// t is the text of a key. {name} stands for a parameter; where the key has forms for numbers ("key.one", "key.other"), n chooses.
export function t(key, parameters = {}) {
  let text = words[key];
  if (text === undefined && parameters.n !== undefined) text = words[key + "." + plurals.select(parameters.n)] ?? words[key + ".other"];
  if (text === undefined) return key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = parameters[name];
    return value === undefined ? whole : typeof value === "number" ? number(value) : value;
  });
}

// known is a text, or another where the dictionary has none: for names that users give.
export const known = (key, other) => words[key] ?? other;

export function choose(name) {
  remember("language", name);
  location.reload();
}

const decimals = new Intl.NumberFormat(language, { maximumFractionDigits: 2 });
const shares = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 });
const short = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 });
export const number = (n) => decimals.format(n);
export const percent = (n) => shares.format(n);
export const compact = (n) => (Math.abs(n) < 100_000 ? decimals.format(n) : short.format(n));

const full = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
const brief = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });
const days = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeZone: "UTC" });
const clocks = new Intl.DateTimeFormat(language, { timeStyle: "medium", hourCycle: "h23" });
export const moment = (at) => full.format(new Date(at));
export const minute = (at) => brief.format(new Date(at));
export const date = (at) => days.format(new Date(at));
export const clockTime = (at) => clocks.format(new Date(at));

const relative = new Intl.RelativeTimeFormat(language, { numeric: "always" });
const units = [["year", 31_536_000], ["month", 2_592_000], ["week", 604_800], ["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]];

// ago is how far a moment is from another, in the largest unit that fits: "3 min. ago", "in 2 days".
export function ago(at, from) {
  const seconds = Math.round((new Date(at) - from) / 1000);
  if (Math.abs(seconds) < 2) return t("just.now");
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) || units.at(-1);
  return relative.format(Math.trunc(seconds / size), unit);
}

// span is a length of time given in seconds, in its two largest units.
export function span(seconds) {
  if (seconds < 1) return t("ms", { n: Math.round(seconds * 1000) });
  const parts = [];
  for (const [unit, size] of units) {
    if (seconds < size || parts.length === 2 || unit === "week" || unit === "month") continue;
    const n = Math.floor(seconds / size);
    seconds -= n * size;
    parts.push(new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short" }).format(n));
  }
  return parts.join(" ");
}

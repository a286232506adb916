// The list of all segments, which several pages want, as it was last read.

import { get, find } from "./api.js";
import { expand, titles } from "./words.js";

let all = new Map();

export async function readSegments(signal, window = "none") {
  const { segments } = await get("/v1/segments?window=" + window, signal);
  all = new Map(segments.map((s) => [s.name, s]));
  return segments;
}

// knownSegments reads the list where that has not been done.
export async function knownSegments(signal) {
  if (all.size === 0) await readSegments(signal);
  return [...all.values()];
}

// knownFeatures tells the words what features stand for, where the server says it.
let features = null;
export async function knownFeatures(signal) {
  features ||= find("/v1/schema", signal).then((schema) => expand(schema?.features || []));
  try {
    await features;
  } catch (error) {
    features = null;
    if (signal.aborted) throw error;
  }
}

export const titleOf = (name) => all.get(name)?.title || name;
export const segmentOf = (name) => all.get(name);
export const segmentLink = (name) => "#/segments/" + encodeURIComponent(name);
// customerLink leads to a customer, and there to why they are in a segment, or not.
export const customerLink = (id, segment) => "#/customers/" + encodeURIComponent(id) + (segment ? "/" + encodeURIComponent(segment) : "");

// family is a segment's first tag: what kind of segment it is.
export const family = (segment) => (segment.tags && segment.tags[0]) || "";

const fold = (text) => text.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "");

// matches says whether each word of a query is found in what a segment is called.
export function matches(segment, query) {
  const where = fold([segment.name, segment.title || "", segment.description || "", ...(segment.tags || [])].join(" "));
  return fold(query).split(/\s+/).every((word) => where.includes(word));
}

titles(titleOf);

// Everything that the page knows comes from here: the HTTP API under /v1, and the health and metrics beside it.

import { remember, recall } from "./store.js";

let token = recall("token", sessionStorage) || "";
let askForToken = null, tellState = () => {}; // set by the shell

export class Problem extends Error {
  // after is for how many seconds a server asks to wait before it is asked again.
  constructor(status, title, detail, { id, after = 0 } = {}) {
    super(detail || title);
    Object.assign(this, { status, title, id, after });
  }
}

// onState is told what becomes of the connection: "live" or "lost".
export const onState = (tell) => { tellState = tell; };
export const lost = () => tellState("lost");

export const onUnauthorised = (ask) => { askForToken = ask; };

export function setToken(value) {
  token = value;
  remember("token", value, sessionStorage);
}

export const hasToken = () => token !== "";

// clock is the moment up to which all is decided, as the answers tell; it may run faster than ours.
export const clock = {
  at: 0,
  see(text) {
    const at = Date.parse(text || "");
    if (at > this.at) this.at = at;
  },
};

async function send(path, options = {}) {
  for (;;) {
    const headers = new Headers(options.headers);
    if (token) headers.set("Authorization", "Bearer " + token);
    let answer;
    try {
      answer = await fetch(path, { ...options, headers, cache: "no-store" });
    } catch (error) {
      if (!options.signal?.aborted) lost();
      throw error;
    }
    tellState("live");
    if (answer.status === 401 && askForToken) {
      await askForToken(token !== "", options.signal);
      continue;
    }
    clock.see(answer.headers.get("Ruas-Clock"));
    return answer;
  }
}

async function problem(answer) {
  let body = {};
  try { body = await answer.json(); } catch { /* the status says enough */ }
  return new Problem(answer.status, body.title || answer.statusText, body.detail || body.error,
    { id: body.request_id, after: Number(answer.headers.get("Retry-After")) || 0 });
}

// get reads JSON. An answer that is none of the API's own is a Problem.
export async function get(path, signal) {
  const answer = await send(path, { signal });
  if (!answer.ok) throw await problem(answer);
  return answer.json();
}

// find is get, but null where there is no such route, or nothing there.
export async function find(path, signal) {
  try {
    return await get(path, signal);
  } catch (error) {
    if (error instanceof Problem && [404, 405, 501].includes(error.status)) return null;
    throw error;
  }
}

export async function post(path, body, signal) {
  const answer = await send(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" }, signal });
  if (!answer.ok) throw await problem(answer);
  return answer.json();
}

// getTagged is get with the ETag beside it: { body, tag }.
export const getTagged = (path, signal) => tagged(path, { signal });

// put writes a text where it is still what the tag says; without a tag, where there is nothing yet.
export const put = (path, text, kind, tag) =>
  tagged(path, { method: "PUT", body: text, headers: { "Content-Type": kind, ...(tag ? { "If-Match": tag } : { "If-None-Match": "*" }) } });

// drop deletes; the answer's body, where there is one, is not read.
export async function drop(path, tag) {
  const answer = await send(path, { method: "DELETE", headers: tag ? { "If-Match": tag } : {} });
  if (!answer.ok) throw await problem(answer);
}

async function tagged(path, options) {
  const answer = await send(path, options);
  if (!answer.ok) throw await problem(answer);
  return { body: await answer.json(), tag: answer.headers.get("ETag") || "" };
}

// text reads what is not JSON: { ok, status, body }.
export async function text(path, signal) {
  const answer = await send(path, { signal });
  return { ok: answer.ok, status: answer.status, body: await answer.text() };
}

// save hands what a path answers to the browser as a file: a link cannot carry the token.
export async function save(path, name) {
  const answer = await send(path);
  if (!answer.ok) throw await problem(answer);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// stream opens a path of server-sent events.
export const stream = (path, signal, last) =>
  send(path, { signal, headers: last ? { "Last-Event-ID": last, Accept: "text/event-stream" } : { Accept: "text/event-stream" } });

export const segmentPath = (name) => "/v1/segments/" + encodeURIComponent(name);
export const customerPath = (id) => "/v1/customers/" + encodeURIComponent(id);

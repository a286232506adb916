// Studies: the server reads its sources again to answer what it does not keep. That takes a while; how far it is, is shown.

import { h, fill, say, note } from "./dom.js";
import { t, compact, percent } from "./text.js";
import { get, post, drop, Problem } from "./api.js";

const every = 300, again = 2; // milliseconds between looks; seconds before a busy server is asked anew

const pause = (ms, signal) => new Promise((done, failed) => {
  const timer = setTimeout(done, ms);
  signal.addEventListener("abort", () => { clearTimeout(timer); failed(signal.reason); }, { once: true });
});

// run asks for a study, tells of its progress, and returns its result. When the signal aborts, the server is told that nobody waits.
async function run(ask, signal, progress) {
  let study;
  progress({ state: "waiting" });
  for (;;) {
    try {
      study = await post("/v1/studies", ask, signal);
      break;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if ([404, 405, 501].includes(error.status)) throw new Problem(error.status, t("study.none"));
      if (error.status !== 429) throw error;
      await pause((error.after || again) * 1000, signal);
    }
  }
  const path = "/v1/studies/" + encodeURIComponent(study.id);
  try {
    while (study.state === "waiting" || study.state === "running") {
      progress(study);
      await pause(every, signal);
      study = await get(path, signal);
    }
  } finally {
    if (signal.aborted) drop(path).catch(() => { /* it ends by itself */ });
  }
  if (study.state === "failed") throw new Problem(500, t("failed"), study.problem);
  return study.result;
}

// What was found lasts as long as the page, so that a look elsewhere loses nothing; by what was asked.
const kept = new Map();

// forget drops what was found by rules that no longer run.
export const forget = () => kept.clear();

// runner is a button that runs a study, the progress while it does, and a place for what it found. ask gives what is asked for; show makes
// nodes of a result.
export function runner({ label, about, ask, show, signal }) {
  const inside = h("div", {}, about ? note(about) : null), said = h("p", { class: "note small", role: "status" });
  const bar = h("progress", { "aria-label": t("study.progress") }), how = h("span", { class: "note small" });
  const start = h("button", { class: "plain strong", type: "button", text: label, onclick: () => begin() });
  const stop = h("button", { class: "plain", type: "button", text: t("study.stop"), onclick: () => running?.abort() });
  const moving = h("div", { class: "running", hidden: true }, bar, how, stop);
  const done = h("span", { class: "unseen", role: "status" });
  let running = null, asked = "";
  const progress = ({ state, progress: p }) => {
    if (state === "running" && p?.total > 0) {
      bar.max = p.total;
      bar.value = Math.min(p.read, p.total);
      say(how, t("study.read", { share: percent(Math.min(1, p.read / p.total)), total: compact(p.total) }));
    } else {
      bar.removeAttribute("value");
      say(how, t("study.waiting"));
    }
  };
  async function begin() {
    running?.abort();
    const mine = running = new AbortController(), body = ask();
    if (!body) return;
    const off = () => mine.abort();
    signal.addEventListener("abort", off);
    asked = JSON.stringify(body);
    const focused = document.activeElement === start;
    start.hidden = true;
    moving.hidden = false;
    if (focused) stop.focus();
    say(said, "");
    say(done, "");
    try {
      const result = await run(body, mine.signal, progress);
      if (!mine.signal.aborted) {
        kept.set(asked, result);
        fill(inside, show(result, body.segment));
        stale();
        say(done, t("study.done"));
      }
    } catch (error) {
      if (mine === running && !mine.signal.aborted) {
        fill(inside, note(error instanceof TypeError ? t("status.lost") : error.message, "bad"));
      }
    } finally {
      signal.removeEventListener("abort", off);
      if (mine === running) {
        const back = document.activeElement === stop;
        moving.hidden = true;
        start.hidden = false;
        if (back) start.focus();
      }
    }
  }
  // stale says whether what is shown answers another question than would be asked now.
  const stale = () => {
    const old = asked !== "" && inside.querySelector(".result") !== null && JSON.stringify(ask()) !== asked;
    inside.classList.toggle("stale", old);
    say(said, old ? t("study.stale") : "");
    start.classList.toggle("strong", old || !inside.querySelector(".result"));
  };
  // recall shows what was found before, where the same would be asked now.
  const recall = () => {
    const body = ask(), before = body && kept.get(JSON.stringify(body));
    if (!before || running) return;
    asked = JSON.stringify(body);
    fill(inside, show(before, body.segment));
    stale();
  };
  // outdate says that what is shown was counted against what no longer runs.
  const outdate = () => {
    if (asked) asked = "-";
    stale();
  };
  return { outdate, recall, node: h("div", { class: "study" }, h("div", { class: "tools" }, start, moving), said, done, inside), button: start, begin, stale };
}

// reach says what a result stands on.
export function reach(result, at) {
  return h("div", {},
    h("p", { class: "note small", text: result.sources_since ? t("study.reach", { at: at(result.as_of), since: at(result.sources_since) }) : t("study.as.of", { at: at(result.as_of) }) }),
    result.complete === false ? note(t("study.incomplete", { sources: (result.incomplete || []).join(", ") }), "bad") : null,
    result.rejected ? h("p", { class: "note small", text: t("study.rejected", { n: result.rejected }) }) : null);
}

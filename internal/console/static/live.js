// Changes as they happen, over a stream that is taken up again where it broke off.

import { stream, clock, lost } from "./api.js";

const retryLeast = 1000, retryMost = 15_000;

// listen calls take with the changes of each frame, as an array, until the signal aborts. Those before now come with the second
// argument true.
export function listen(query, signal, take) {
  let waiting = [], old = [], last = "", frame = 0;
  const draw = () => {
    frame = 0;
    if (signal.aborted) return;
    const [past, fresh] = [old, waiting];
    old = [];
    waiting = [];
    if (past.length) take(past, true);
    if (fresh.length) take(fresh, false);
  };
  const schedule = () => { frame ||= requestAnimationFrame(draw); };
  run(query, signal, () => last, (change, id, past) => {
    last = id;
    clock.see(change.time);
    (past ? old : waiting).push(change);
    // A page in the background draws no frames: it keeps the newest.
    if (waiting.length > 5000) waiting.splice(0, waiting.length - 5000);
    schedule();
  });
}

async function run(query, signal, last, change) {
  let wait = retryLeast, first = true;
  while (!signal.aborted) {
    try {
      const answer = await stream("/v1/changes?" + query, signal, last());
      if (!answer.ok) throw new Error(answer.statusText);
      wait = retryLeast;
      await read(answer.body, change, first);
      first = false;
    } catch {
      if (signal.aborted) return;
    }
    if (signal.aborted) return;
    lost();
    await new Promise((done) => setTimeout(done, wait));
    wait = Math.min(wait * 2, retryMost);
  }
}

// settle is how long after its opening a stream still tells of what was before.
const settle = 400;

async function read(body, change, first) {
  const opened = performance.now();
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    const past = first && performance.now() - opened < settle;
    for (const block of blocks) {
      const field = (name) => block.split("\n").filter((l) => l.startsWith(name + ":")).map((l) => l.slice(name.length + 1).trimStart()).join("\n");
      if (field("event") === "change") change(JSON.parse(field("data")), field("id"), past);
    }
  }
}

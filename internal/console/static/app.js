"use strict";

const $ = (id) => document.getElementById(id);
const numbers = new Intl.NumberFormat("en");
const feedLength = 40;
const seconds = 60;

const segments = new Map(); // by name: what the API says, and the row
let sort = { by: "members", down: true };
let paused = false;
let waiting = []; // changes to draw with the next frame
let open = null; // the segment or customer shown

// element makes one, with properties and children; text is never read as HTML.
function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

const segmentLink = (name) => "#/segments/" + encodeURIComponent(name);
const customerLink = (id) => "#/customers/" + encodeURIComponent(id);

async function get(path) {
  const answer = await fetch(path);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error || answer.statusText);
  return body;
}

// ---- segments

function row(name) {
  const link = element("a", { href: segmentLink(name) });
  const known = {
    name, members: 0, joins: 0, leaves: 0, title: "", tags: [], ups: [], downs: [],
    link, count: element("td", { className: "num members" }), trend: element("td", { className: "trend" }),
    in: element("td", { className: "num joins zero" }), out: element("td", { className: "num leaves zero" }),
  };
  known.row = element("tr", {}, element("td", {}, link), known.count, known.trend, known.in, known.out);
  known.row.addEventListener("click", () => { location.hash = segmentLink(name); });
  segments.set(name, known);
  return known;
}

function count(segment, members) {
  if (members !== segment.members && segment.count.textContent !== "") {
    const direction = members > segment.members ? "up" : "down";
    segment.count.classList.remove("up", "down");
    void segment.count.offsetWidth; // starts the animation anew
    segment.count.classList.add(direction);
  }
  segment.members = members;
  segment.count.textContent = numbers.format(members);
}

async function refresh() {
  let body;
  try {
    body = await get("/v1/segments");
  } catch {
    return; // the status says that the connection is lost
  }
  const there = new Set();
  let members = 0, joins = 0, leaves = 0;
  for (const s of body.segments) {
    there.add(s.name);
    const known = segments.get(s.name) || row(s.name);
    known.title = s.title || s.name;
    known.tags = s.tags || [];
    known.link.replaceChildren(element("b", { textContent: known.title }), element("small", { textContent: s.name + warming(s) }));
    count(known, s.members);
    known.joins = s.joins_last_minute;
    known.leaves = s.leaves_last_minute;
    known.in.textContent = s.joins_last_minute ? "+" + numbers.format(s.joins_last_minute) : "0";
    known.out.textContent = s.leaves_last_minute ? "−" + numbers.format(s.leaves_last_minute) : "0";
    known.in.classList.toggle("zero", !s.joins_last_minute);
    known.out.classList.toggle("zero", !s.leaves_last_minute);
    drawTrend(known);
    members += s.members;
    joins += s.joins_last_minute;
    leaves += s.leaves_last_minute;
  }
  for (const [name, known] of segments) {
    if (!there.has(name)) {
      known.row.remove();
      segments.delete(name);
    }
  }
  $("total-segments").textContent = numbers.format(there.size);
  $("total-members").textContent = numbers.format(members);
  $("total-joins").textContent = numbers.format(joins);
  $("total-leaves").textContent = numbers.format(leaves);
  arrange();
}

// warming says that a segment cannot be decided of every customer yet.
function warming(segment) {
  if (!segment.warming) {
    return "";
  }
  return segment.warming_until ? " · warming until " + new Date(segment.warming_until).toLocaleString() : " · warming";
}

// drawTrend draws joins up and leaves down, a bar for every two seconds of the last minute.
function drawTrend(segment) {
  const now = Math.floor(Date.now() / 1000);
  const bars = (times) => {
    const out = new Array(seconds / 2).fill(0);
    for (const t of times) out[out.length - 1 - Math.floor((now - t) / 2)]++;
    return out;
  };
  segment.ups = segment.ups.filter((t) => now - t < seconds);
  segment.downs = segment.downs.filter((t) => now - t < seconds);
  const ups = bars(segment.ups), downs = bars(segment.downs);
  const most = Math.max(3, ...ups, ...downs);
  const height = 12;
  let shapes = "";
  for (let i = 0; i < ups.length; i++) {
    const up = (ups[i] / most) * height, down = (downs[i] / most) * height, x = i * 4;
    if (up) shapes += `<rect class="j" x="${x}" y="${height - up}" width="3" height="${up}"/>`;
    if (down) shapes += `<rect class="l" x="${x}" y="${height}" width="3" height="${down}"/>`;
  }
  segment.trend.innerHTML =
    `<svg viewBox="0 0 120 24" preserveAspectRatio="none" aria-hidden="true"><path class="axis" d="M0 12H120"/>${shapes}</svg>`;
}

function arrange() {
  const wanted = $("filter").value.trim().toLowerCase();
  const list = [...segments.values()];
  list.sort((a, b) => {
    const by = sort.by === "name" ? a.title.localeCompare(b.title) : a[sort.by] - b[sort.by];
    return (sort.down ? -by : by) || a.title.localeCompare(b.title);
  });
  let shown = 0;
  const body = $("rows");
  list.forEach((s, i) => {
    s.row.hidden = wanted !== "" && ![s.name, s.title, ...s.tags].some((t) => t.toLowerCase().includes(wanted));
    s.row.classList.toggle("open", open !== null && open.kind === "segment" && open.name === s.name);
    if (!s.row.hidden) shown++;
    if (body.children[i] !== s.row) body.insertBefore(s.row, body.children[i] || null);
  });
  $("empty").hidden = shown > 0 || list.length === 0;
  for (const button of document.querySelectorAll("[data-sort]")) {
    const head = button.parentElement;
    if (button.dataset.sort === sort.by) head.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
}

// ---- changes

function listen() {
  const source = new EventSource("/v1/changes?recent=" + feedLength);
  source.addEventListener("open", () => status("live", "live"));
  source.addEventListener("error", () => status("lost", "connection lost, trying again"));
  source.addEventListener("change", (event) => {
    waiting.push(JSON.parse(event.data));
    if (waiting.length === 1) requestAnimationFrame(draw);
  });
}

function status(kind, text) {
  $("status").className = "status " + kind;
  $("status-text").textContent = text;
}

const clockTime = (iso) => new Date(iso).toLocaleTimeString([], { hour12: false });

function draw() {
  const changes = waiting;
  waiting = [];
  const now = Math.floor(Date.now() / 1000);
  for (const c of changes) {
    const segment = segments.get(c.segment);
    if (segment) (c.change === "join" ? segment.ups : segment.downs).push(now);
    if (open !== null && open.change) open.change(c);
  }
  const last = changes[changes.length - 1];
  $("clock").textContent = new Date(last.time).toLocaleString([], { dateStyle: "medium", timeStyle: "medium", hour12: false });
  $("clock").dateTime = last.time;
  if (paused) return;
  const feed = $("feed");
  for (const c of changes.slice(-feedLength)) {
    const join = c.change === "join";
    feed.prepend(element("li", { className: c.change + " new" },
      element("time", { textContent: clockTime(c.time), dateTime: c.time, title: c.time }),
      element("span", { className: "mark", textContent: join ? "▲" : "▼", title: join ? "joins" : "leaves" }),
      element("span", { className: "what" },
        element("a", { href: customerLink(c.customer_id), textContent: c.customer_id }),
        join ? " joins " : " leaves ",
        element("a", { href: segmentLink(c.segment), textContent: c.segment })),
      element("span", { className: "cause", textContent: c.cause === "event" ? "" : "by " + c.cause })));
  }
  while (feed.children.length > feedLength) feed.lastChild.remove();
  $("feed-empty").hidden = true;
}

// ---- one segment, one customer

async function route() {
  const [, kind, rest] = location.hash.match(/^#\/(segments|customers)\/(.+)$/) || [];
  open = null;
  if (!kind) {
    $("detail").hidden = true;
    arrange();
    return;
  }
  const name = decodeURIComponent(rest);
  const here = kind === "segments" ? { kind: "segment", name } : { kind: "customer", name };
  open = here;
  arrange();
  try {
    const [title, ...content] = kind === "segments" ? await segmentDetail(here) : await customerDetail(here);
    if (open !== here) return;
    show(title, content);
  } catch (problem) {
    if (open === here) show(name, [element("p", { className: "muted", textContent: problem.message })]);
  }
}

function show(title, content) {
  $("detail-title").textContent = title;
  $("detail-body").replaceChildren(...content);
  $("detail").hidden = false;
}

async function segmentDetail(here) {
  const path = "/v1/segments/" + encodeURIComponent(here.name);
  const [s, page] = await Promise.all([get(path), get(path + "/members?limit=200")]);
  const chip = (id, fresh) => element("a", { href: customerLink(id), textContent: id, className: fresh ? "new" : "" });
  const chips = new Map(page.members.map((id) => [id, chip(id, false)]));
  const box = element("div", { className: "chips" }, ...chips.values());
  const none = element("p", { className: "muted", textContent: "Nobody at the moment.", hidden: chips.size > 0 });
  here.change = (c) => {
    if (c.segment !== here.name) return;
    if (chips.has(c.customer_id)) chips.get(c.customer_id).remove();
    chips.delete(c.customer_id);
    if (c.change === "join") {
      const fresh = chip(c.customer_id, true);
      chips.set(c.customer_id, fresh);
      box.prepend(fresh);
    }
    none.hidden = chips.size > 0;
  };
  const content = [s.title || s.name];
  if (s.description) content.push(element("p", { textContent: s.description }));
  if (s.tags) content.push(element("div", {}, ...s.tags.map((t) => element("span", { className: "tag", textContent: t }))));
  content.push(element("h3", { textContent: "Members are those for whom" }), element("pre", { textContent: s.when.trim() }));
  if (s.until) content.push(element("h3", { textContent: "until" }), element("pre", { textContent: s.until.trim() }));
  content.push(element("h3", { textContent: page.next ? "Some of the members" : "Members" }), none, box);
  return content;
}

async function customerDetail(here) {
  const path = "/v1/customers/" + encodeURIComponent(here.name);
  const list = element("ul", { className: "list" });
  const none = element("p", { className: "muted", textContent: "In no segment at the moment." });
  const load = async () => {
    const customer = await get(path);
    list.replaceChildren(...customer.memberships.map((m) => element("li", {},
      element("a", { href: segmentLink(m.segment), textContent: (segments.get(m.segment) || {}).title || m.segment }),
      element("time", { dateTime: m.since, textContent: "since " + new Date(m.since).toLocaleString([], { dateStyle: "medium", timeStyle: "short", hour12: false }) }))));
    none.hidden = customer.memberships.length > 0;
  };
  await load();
  here.change = (c) => {
    // The view is written just after the change is published.
    if (c.customer_id === here.name) setTimeout(() => load().catch(() => {}), 300);
  };
  return [here.name, none, list];
}

// ---- start

$("filter").addEventListener("input", arrange);
$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", String(paused));
  $("pause").textContent = paused ? "Go on" : "Pause";
});
$("lookup").addEventListener("submit", (event) => {
  event.preventDefault();
  const id = $("lookup-id").value.trim();
  if (id) location.hash = customerLink(id);
});
for (const button of document.querySelectorAll("[data-sort]")) {
  button.addEventListener("click", () => {
    sort = { by: button.dataset.sort, down: sort.by === button.dataset.sort ? !sort.down : button.dataset.sort !== "name" };
    arrange();
  });
}
window.addEventListener("hashchange", route);
refresh().then(route).then(listen);
setInterval(refresh, 1500);

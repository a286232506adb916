// The shell: what surrounds every page, and the way from an address to a page.

import { h, fill, say, note } from "./dom.js";
import { t, language, languages, choose, minute, clockTime } from "./text.js";
import { clock, onUnauthorised, onState, setToken, Problem } from "./api.js";
import { remember, recall } from "./store.js";
import { finder } from "./finder.js";

// The pages, each in a module of its own that is loaded when it is first opened.
const pages = [
  [/^#?\/?$/, "home", () => import("./home.js")],
  [/^#\/segments\/([^/]+)$/, "home", () => import("./segment.js")],
  [/^#\/customers\/([^/]+)(?:\/([^/]+))?$/, "customer", () => import("./customer.js")],
  [/^#\/rules(?:\/([^/]+))?$/, "rules", () => import("./rules.js")],
  [/^#\/operations$/, "operations", () => import("./operations.js")],
];

document.documentElement.lang = language;
const main = document.getElementById("main");
const status = h("span", { class: "status", role: "status" }, h("i"), h("span", { text: t("status.connecting") }));
const now = h("time", { class: "clock", title: t("clock.title") });
const links = [["home", "#/"], ["operations", "#/operations"], ["rules", "#/rules"]].map(([page, href]) => {
  const link = h("a", { href, text: t("nav." + page) });
  link.dataset.page = page;
  return link;
});

function shell() {
  say(document.getElementById("skip"), t("skip"));
  document.getElementById("skip").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });
  const theme = h("button", { class: "icon", type: "button", onclick: () => { turn(); name(); } });
  const name = () => {
    const which = recall("theme") || "auto";
    theme.textContent = { auto: "◐", light: "☀", dark: "☾" }[which];
    theme.title = t("theme." + which);
    theme.setAttribute("aria-label", t("theme." + which));
  };
  name();
  const tongue = h("select", { class: "tongue", "aria-label": t("language"), onchange: (event) => choose(event.target.value) },
    Object.entries(languages).map(([code, title]) => h("option", { value: code, selected: code === language, title, text: code.toUpperCase() })));
  tongue.value = language;
  fill(document.getElementById("top"), h("div", { class: "bar" },
    h("a", { class: "brand", href: "#/", "aria-label": t("nav.brand") }, h("img", { src: "icon.svg", alt: "", width: 26, height: 26 }), h("b", { text: "ruas" })),
    h("nav", { "aria-label": t("nav.title") }, links),
    finder(),
    h("span", { class: "state" }, status, now),
    h("span", { class: "settings" }, tongue, theme)));
}

// turn goes from the system's theme to light, to dark, and back.
function turn() {
  const next = { auto: "light", light: "dark", dark: "auto" }[recall("theme") || "auto"];
  remember("theme", next === "auto" ? "" : next);
  if (next === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
}

onState((state) => {
  status.className = "status " + state;
  say(status.lastChild, t("status." + state));
});

setInterval(() => {
  if (!clock.at) return;
  const away = Math.abs(clock.at - Date.now()) > 12 * 3_600_000;
  say(now, away ? minute(clock.at) : clockTime(clock.at));
  now.dateTime = new Date(clock.at).toISOString();
}, 500);

const soon = 2000;
let leave = new AbortController();

async function route(event) {
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  const [, page, load, ...parts] = match(location.hash);
  for (const link of links) {
    if (link.dataset.page === page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!load) {
    show(note(t("nothing.here")), t("nothing.here"));
    return;
  }
  try {
    const { open } = await load();
    if (signal.aborted) return;
    await open(...parts, { signal, show: (content, title) => { if (!signal.aborted) show(content, title, event); } });
  } catch (error) {
    if (signal.aborted) return;
    show(failure(error), t("failed"));
    // What is being built or taken over is there soon.
    if (error instanceof Problem && error.status === 503) setTimeout(() => { if (!signal.aborted) route(); }, soon);
  }
}

function match(hash) {
  for (const [pattern, page, load] of pages) {
    const found = hash.match(pattern);
    if (found) return [hash, page, load, ...found.slice(1).map((part) => part && decodeURIComponent(part))];
  }
  return [hash];
}

function show(content, title, event) {
  document.title = title ? title + " · ruas" : "ruas";
  fill(main, content);
  if (event) { // a move within the page: read on from its beginning
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
}

const failure = (error) => h("section", { class: "card failure" },
  h("h1", { text: error instanceof Problem && error.status === 404 ? t("not.found") : error.status === 503 ? t("soon") : t("failed") }),
  note(error instanceof TypeError ? t("status.lost") : error.message),
  h("p", {}, h("button", { class: "plain", type: "button", text: t("again"), onclick: () => route() }), " ", h("a", { href: "#/", text: t("nav.home") })));

// One question at a time, however many answers were refused.
let asking = null;
onUnauthorised((refused) => {
  asking ||= new Promise((done) => {
    const field = h("input", { type: "password", autocomplete: "off", required: true, "aria-label": t("token") });
    const dialog = h("dialog", { class: "card", "aria-labelledby": "ask" },
      h("form", { method: "dialog" },
        h("h2", { id: "ask", text: t("token.title") }), note(refused ? t("token.refused") : t("token.why")), field,
        h("button", { class: "plain strong", text: t("token.use") })));
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.addEventListener("close", () => {
      setToken(field.value.trim());
      dialog.remove();
      asking = null;
      done();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
  return asking;
});

shell();
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
  event.preventDefault();
  document.getElementById("find").focus();
});
addEventListener("hashchange", route);
route();

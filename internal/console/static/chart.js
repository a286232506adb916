// Plots: sparklines and bars of our own, which are a few shapes, and uPlot for what has axes.

import { s, h } from "./dom.js";
import { t, language, number, percent } from "./text.js";

const high = 13, wide = 4;

// spark is a row of bars: joins go up, leaves down, the newest is on the right.
export function spark(bins) {
  const joins = s("path", { class: "j" }), leaves = s("path", { class: "l" });
  const node = s("svg", { class: "spark", viewBox: `0 0 ${bins * wide} ${2 * high}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    s("path", { class: "axis", d: `M0 ${high}H${bins * wide}` }), joins, leaves);
  let before = "";
  return {
    node,
    draw(ups, downs) {
      const most = Math.max(2, ...ups, ...downs);
      const bars = (values, sign) => values.map((v, i) => (v ? `M${i * wide + wide / 2 - 0.25} ${high}v${(-sign * Math.max(1.5, (v / most) * (high - 1))).toFixed(1)}` : "")).join("");
      const [up, down] = [bars(ups, 1), bars(downs, -1)];
      if (up + "|" + down === before) return;
      before = up + "|" + down;
      joins.setAttribute("d", up);
      leaves.setAttribute("d", down);
    },
  };
}

// meter is a bar for a share of one, with a mark where another share is to be compared.
export function meter(share, mark) {
  const at = (x) => (Math.min(1, Math.max(0, x)) * 100).toFixed(2);
  return s("svg", { class: "meter", viewBox: "0 0 100 8", preserveAspectRatio: "none", role: "img", "aria-label": percent(share) },
    s("rect", { class: "rail", width: 100, height: 8 }), s("rect", { class: "fill", width: at(share), height: 8 }),
    mark === undefined ? null : s("rect", { class: "mark", x: Math.min(99, at(mark)), width: 1, height: 8 }));
}

let loading = null;

function library() {
  loading ||= new Promise((done, failed) => {
    const style = h("link", { rel: "stylesheet", href: "vendor/uplot.css" });
    const script = h("script", { src: "vendor/uplot.js", onload: () => done(window.uPlot), onerror: () => failed(new Error("vendor/uplot.js")) });
    document.head.append(style, script);
  });
  return loading;
}

// Whole numbers alone: there is no half a member.
const steps = [1, 2, 5].flatMap((n) => Array.from({ length: 9 }, (_, i) => n * 10 ** i)).sort((a, b) => a - b);

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

// lines plots series over time into a box, and draws anew when the box or the theme changes. times are seconds since the epoch; a series is
// { label, values, colour, fill, bars, down }. It ends with the signal.
export async function lines(box, times, series, signal, height = 190) {
  const UPlot = await library();
  if (signal.aborted) return null;
  let plot = null, data = [times, ...series.map((x) => x.values)];
  const draw = () => {
    plot?.destroy();
    const axis = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const stamp = new Intl.DateTimeFormat(language, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    plot = new UPlot({
      width: box.clientWidth, height, cursor: { points: { size: 7 }, y: false }, legend: { live: true },
      padding: [8, 28, 0, 0],
      scales: { x: { range: (u, from, to) => aside(u.data[0], from, to) }, y: { range: (u, low, top) => (series[0].bars ? around(low, top) : range(low, top)) } },
      // Without the pointer over it, the plot tells of its end.
      hooks: { setCursor: [(u) => { if (u.cursor.idx === null) u.setLegend({ idx: u.data[0].length - 1 }, false); }] },
      axes: [
        { ...axis, values: (u, ticks) => ticks.map((v, i) => tick(v, ticks[i - 1], ticks[1] - ticks[0])), space: 90 },
        { ...axis, values: (u, ticks) => ticks.map((v) => number(series[0].bars ? Math.abs(v) : v)), size: 56, incrs: steps, space: 28 },
      ],
      series: [
        { label: t("time"), value: (u, v) => (v ? stamp.format(v * 1000) : "–") },
        ...series.map((x) => ({
          label: x.label, stroke: colour(x.colour), fill: x.bars ? colour(x.colour) : x.fill && colour(x.fill), width: x.bars ? 0 : 2,
          points: { show: false }, value: (u, v) => (v === null || v === undefined ? "–" : number(Math.abs(v))),
          paths: x.bars ? UPlot.paths.bars({ size: [0.7, 24], align: 0 }) : undefined,
        })),
      ],
    }, data, box);
    tellEnd();
  };
  const tellEnd = () => { if (!(plot.cursor.idx >= 0) || plot.cursor.idx === null) plot.setLegend({ idx: data[0].length - 1 }, false); };
  draw();
  // In the next frame: a plot that grows while sizes are told of would be told of again.
  const size = new ResizeObserver(() => requestAnimationFrame(() => { if (!signal.aborted) plot.setSize({ width: box.clientWidth, height }); }));
  size.observe(box);
  const theme = new MutationObserver(draw);
  theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", draw);
  signal.addEventListener("abort", () => {
    size.disconnect();
    theme.disconnect();
    dark.removeEventListener("change", draw);
    plot.destroy();
  });
  return (x, ...ys) => {
    data = [x, ...ys];
    plot.setData(data);
    tellEnd();
  };
}

// range keeps a line off the edges, and a flat one in the middle.
function range(low, top) {
  if (low === null || top === null || low === undefined) return [0, 1];
  const room = Math.max(1, Math.ceil((top - low) * 0.15));
  return [Math.max(0, Math.floor(low - room)), Math.ceil(top + room)];
}

// aside leaves half a step on both sides, where the first and the last bar stand.
function aside(times, from, to) {
  const half = times.length > 1 ? (times[1] - times[0]) / 2 : 5;
  return [from - half, to + half];
}

// around keeps bars that go up and down on either side of zero.
function around(low, top) {
  const most = Math.max(1, -(low ?? 0), top ?? 0);
  return [-most, most];
}

// tick is the time of a tick, with the day where that is another than at the one before.
function tick(seconds, before, step) {
  const at = new Date(seconds * 1000);
  const day = new Intl.DateTimeFormat(language, { month: "short", day: "numeric" }).format(at);
  const time = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: step < 60 ? "2-digit" : undefined, hourCycle: "h23" }).format(at);
  const anew = before === undefined || new Date(before * 1000).getDate() !== at.getDate();
  if (at.getHours() === 0 && at.getMinutes() === 0) return day;
  return anew ? time + "\n" + day : time;
}

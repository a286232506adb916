// Reading Prometheus' text format, as far as ruas's own metrics go.

export function parse(text) {
  const series = new Map();
  for (const line of text.split("\n")) {
    const found = line.match(/^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/);
    if (!found) continue;
    const labels = {};
    for (const [, name, value] of (found[2] || "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[name] = value.replace(/\\n/g, "\n").replace(/\\(.)/g, "$1");
    const list = series.get(found[1]) || series.set(found[1], []).get(found[1]);
    list.push({ labels, value: found[3] === "+Inf" ? Infinity : Number(found[3]) });
  }
  const all = (name) => series.get(name) || [];
  return {
    all,
    // sum and most are null where there is no such metric.
    sum: (name) => (series.has(name) ? all(name).reduce((sum, x) => sum + x.value, 0) : null),
    most: (name) => (series.has(name) ? Math.max(...all(name).map((x) => x.value)) : null),
    // quantile is the upper bound of the histogram's bucket in which a share of all lies; null where it lies beyond the last.
    quantile(name, share) {
      const buckets = all(name + "_bucket").map(({ labels, value }) => ({ bound: labels.le === "+Inf" ? Infinity : Number(labels.le), value })).sort((a, b) => a.bound - b.bound);
      const wanted = share * (buckets.at(-1)?.value || 0);
      const found = buckets.find((b) => b.value >= wanted);
      return found && found.bound !== Infinity ? found.bound : null;
    },
  };
}

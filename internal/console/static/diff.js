// What differs between two texts, line by line: the longest common subsequence, after the common ends are cut off.

const most = 4_000_000; // cells of the table

// diff gives { kind: "same" | "old" | "new", text } of the lines that differ, with so many around them; null where it would be too long to
// say.
export function diff(before, after, around = 1) {
  const a = before.split("\n"), b = after.split("\n");
  let from = 0, endA = a.length, endB = b.length;
  while (from < endA && from < endB && a[from] === b[from]) from++;
  while (endA > from && endB > from && a[endA - 1] === b[endB - 1]) [endA, endB] = [endA - 1, endB - 1];
  const n = endA - from, m = endB - from;
  if (n * m > most) return null;
  // common[i][j] is how many lines a from i and b from j have in common.
  const common = Array.from({ length: n + 1 }, () => new Uint16Array(m + 1));
  for (let i = n - 1; i >= 0; i--) {
    for (let j = m - 1; j >= 0; j--) {
      common[i][j] = a[from + i] === b[from + j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
    }
  }
  const out = a.slice(0, from).map((text) => ({ kind: "same", text }));
  let i = 0, j = 0;
  while (i < n || j < m) {
    if (i < n && j < m && a[from + i] === b[from + j]) {
      out.push({ kind: "same", text: a[from + i] });
      [i, j] = [i + 1, j + 1];
    } else if (i < n && (j === m || common[i + 1][j] >= common[i][j + 1])) {
      out.push({ kind: "old", text: a[from + i++] });
    } else {
      out.push({ kind: "new", text: b[from + j++] });
    }
  }
  out.push(...a.slice(endA).map((text) => ({ kind: "same", text })));
  const near = out.map((_, k) => out.slice(Math.max(0, k - around), k + around + 1).some((x) => x.kind !== "same"));
  return out.filter((_, k) => near[k]);
}

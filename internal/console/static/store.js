// What the browser keeps of the user's wishes. A browser may refuse; then they last as long as the page.

export function remember(name, value, where = localStorage) {
  try {
    if (value) where.setItem("ruas." + name, value);
    else where.removeItem("ruas." + name);
  } catch { /* the page works without */ }
}

export function recall(name, where = localStorage) {
  try {
    return where.getItem("ruas." + name);
  } catch {
    return null;
  }
}

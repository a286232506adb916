// The theme that was chosen, before anything is drawn; without a choice the system's.
(() => {
  let theme = null;
  try { theme = localStorage.getItem("ruas.theme"); } catch { /* the system's, then */ }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();

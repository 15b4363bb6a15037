// Runs before anything is drawn, so that a page never flashes in the other theme.
(() => {
  let theme = null;
  try {
    theme = localStorage.getItem("foresail-theme");
  } catch {
    // a browser that keeps nothing follows the system
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();

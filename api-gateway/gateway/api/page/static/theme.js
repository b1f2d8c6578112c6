// Light or dark: the system's choice until the user makes another. Runs before the first paint.
(() => {
  "use strict";
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null; // storage is disabled: the choice lasts as long as the page
    }
  };
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  if (["light", "dark"].includes(stored())) root.dataset.theme = stored();

  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const tell = () => button.setAttribute("aria-pressed", String(dark()));
    button.addEventListener("click", () => {
      const wanted = dark() ? "light" : "dark";
      const asSystem = (wanted === "dark") === system.matches;
      if (asSystem) delete root.dataset.theme;
      else root.dataset.theme = wanted;
      try {
        if (asSystem) localStorage.removeItem("theme");
        else localStorage.setItem("theme", wanted);
      } catch {
        // as above
      }
      tell();
    });
    system.addEventListener("change", tell);
    tell();
  });
})();

// Switches the colour theme without a reload. The cookie is what base.html reads, so no page flashes.
(() => {
  const themes = ["system", "light", "dark"];

  function current() {
    return document.documentElement.dataset.theme ?? "system";
  }

  function show() {
    for (const button of document.querySelectorAll("[data-theme-switch] button")) {
      button.setAttribute("aria-pressed", String(button.value === current()));
    }
  }

  function choose(theme) {
    if (!themes.includes(theme)) return;
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax${secure}`;
    show();
    document.dispatchEvent(new CustomEvent("theme:change"));
  }

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-theme-switch]")) return;
    event.preventDefault();
    choose(event.submitter?.value);
  });

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    if (current() === "system") document.dispatchEvent(new CustomEvent("theme:change"));
  });

  show();
})();

// What every page shares: dialogs, copy buttons, messages, live panels, keyboard shortcuts, announced failures.
(() => {
  const announcer = document.getElementById("announcer");

  function announce(text) {
    announcer.textContent = "";
    requestAnimationFrame(() => (announcer.textContent = text));
  }

  function say(text, tone) {
    const notice = document.createElement("div");
    notice.className = "notice";
    notice.dataset.tone = tone;
    notice.dataset.toast = "";
    notice.textContent = text;
    document.getElementById("messages").append(notice);
    fade(notice);
  }

  // Errors stay until dismissed; other messages leave once nobody points at them.
  function fade(notice) {
    if (notice.dataset.tone === "error" || notice.dataset.tone === "bad") return;
    setTimeout(() => (notice.matches(":hover, :focus-within") ? fade(notice) : notice.remove()), 6000);
  }

  async function copy(button) {
    const source = document.getElementById(button.dataset.copies);
    await navigator.clipboard.writeText(source.value ?? source.textContent);
    const label = button.lastChild;
    const before = label.textContent;
    label.textContent = " Copied";
    announce("Copied");
    setTimeout(() => (label.textContent = before), 1500);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-opens], [data-closes], [data-dismisses], [data-copies]");
    if (!button) {
      if (event.target.matches("dialog")) event.target.close();
      return;
    }
    if (button.dataset.opens) {
      event.preventDefault();
      document.getElementById(button.dataset.opens).showModal();
    }
    if ("closes" in button.dataset) button.closest("dialog").close();
    if ("dismisses" in button.dataset) button.closest("[data-toast]").remove();
    if (button.dataset.copies) copy(button);
  });

  function prepare(root) {
    for (const button of root.querySelectorAll("[data-copies][hidden]")) button.hidden = false;
    for (const notice of root.querySelectorAll("[data-toast]")) fade(notice);
  }

  // A live panel (data-live) asks nothing while its page is hidden, and asks at once when it is seen again.
  document.addEventListener("htmx:before:request", (event) => {
    const panel = event.target.closest?.("[data-live]");
    if (panel && (document.hidden || panel.dataset.live === "off")) event.preventDefault();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    for (const panel of document.querySelectorAll("[data-live]")) htmx.trigger(panel, "refresh");
  });

  document.addEventListener("htmx:after:settle", (event) => {
    prepare(event.target);
    const summary = event.target.querySelector?.("[data-announces]");
    if (summary) announce(summary.textContent.trim());
  });
  document.addEventListener("htmx:response:error", (event) => {
    const { status } = event.detail.ctx.response;
    if (event.target.closest?.("[data-live]") || status === 422 || status === 409) return;
    say(status === 403 ? "You are not allowed to do that." : `That did not work (${status}). Reload the page and try again.`, "bad");
  });

  const places = { o: "overview", r: "requests", p: "policies", g: "playground", m: "models", k: "keys" };
  let isGoing = false;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable], dialog")) return;
    if (isGoing && places[event.key]) document.querySelector(`.nav a[data-place="${places[event.key]}"]`)?.click();
    isGoing = event.key === "g" && !isGoing;
    if (event.key === "/") {
      const field = document.querySelector("[data-first-filter]");
      if (field) {
        event.preventDefault();
        field.focus();
      }
    }
  });

  prepare(document);
})();

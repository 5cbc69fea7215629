// What every page shares: dialogs, copy buttons, messages, live panels, popovers, announced failures.
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
    const button = event.target.closest("[data-opens], [data-closes], [data-dismisses], [data-copies], [data-live-switch]");
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
    if (button.dataset.liveSwitch) {
      const isLive = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(isLive));
      if (isLive) htmx.trigger(document.getElementById(button.dataset.liveSwitch), "refresh");
    }
  });

  function prepare(root) {
    for (const button of root.querySelectorAll("[data-copies][hidden], [data-live-switch][hidden], [data-needs-script][hidden]")) button.hidden = false;
    for (const notice of root.querySelectorAll("[data-toast]")) fade(notice);
  }

  // A live panel (data-live) asks nothing while its page is hidden, and asks at once when it is seen again.
  document.addEventListener("htmx:before:request", (event) => {
    const panel = event.target;
    if (!panel.matches?.("[data-live]")) return;
    if (document.hidden || isPaused(panel)) event.preventDefault();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    for (const panel of document.querySelectorAll("[data-live]")) htmx.trigger(panel, "refresh");
  });

  // The live switch pauses a panel; the choice outlives the panel's own swaps because the switch stands outside it.
  function isPaused(panel) {
    const button = document.querySelector(`[data-live-switch="${panel.id}"]`);
    return button?.getAttribute("aria-pressed") === "false";
  }

  // What people opened stays open when a live panel is replaced.
  let opened = [];
  document.addEventListener("htmx:before:swap", () => {
    opened = [...document.querySelectorAll("details[id][open]")].map((details) => details.id);
  });

  // What takes seconds says so, and is not sent twice.
  document.addEventListener("submit", (event) => {
    const button = event.target.querySelector("button[data-busy]");
    if (!button) return;
    button.disabled = true;
    button.textContent = button.dataset.busy;
    announce(button.dataset.busy);
  });

  // Empty fields of a filter form do not belong in the address.
  document.addEventListener("htmx:config:request", (event) => {
    if (!event.target.matches?.("form[data-clean]")) return;
    const { body } = event.detail.ctx.request;
    for (const [name, value] of [...body]) if (value === "") body.delete(name);
  });
  document.addEventListener("formdata", (event) => {
    if (!event.target.matches("form[data-clean]")) return;
    for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
  });

  document.addEventListener("htmx:after:settle", (event) => {
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
    prepare(document);
    const summary = event.target.querySelector?.("[data-announces]");
    if (summary) announce(summary.textContent.trim());
  });
  document.addEventListener("htmx:response:error", (event) => {
    const { status } = event.detail.ctx.response;
    if (event.target.closest?.("[data-live]") || status === 422 || status === 409) return;
    say(status === 403 ? "You are not allowed to do that." : `That did not work (${status}). Reload the page and try again.`, "bad");
  });

  // A popover closes when people go elsewhere.
  function closePopovers(keep) {
    for (const popover of document.querySelectorAll("details.popover[open]")) {
      if (!popover.contains(keep)) popover.open = false;
    }
  }
  document.addEventListener("click", (event) => closePopovers(event.target));
  document.addEventListener("keydown", (event) => {
    const popover = event.key === "Escape" && event.target.closest("details.popover[open]");
    if (!popover) return;
    popover.open = false;
    popover.querySelector("summary").focus();
  });

  prepare(document);
})();

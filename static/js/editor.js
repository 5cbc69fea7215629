// The policy editor: buttons inside a rule's form edit it on the server and swap the fields; focus and open parts survive.
(() => {
  const TYPING_PAUSE_MS = 350;
  const form = document.querySelector("[data-rule-form]");
  let isDirty = false;

  function openParts() {
    return [...form.querySelectorAll("details")].map((part) => part.open && part.querySelector("summary").textContent.trim());
  }

  function reopen(titles) {
    for (const part of form.querySelectorAll("details")) {
      if (titles.includes(part.querySelector("summary").textContent.trim())) part.open = true;
    }
  }

  // Where to go on: the new condition's field, the same button if it is still there, else its group's button.
  function focusAfter(what, id) {
    const [verb, path] = [what.slice(0, what.indexOf(":")), what.slice(what.indexOf(":") + 1)];
    if (verb === "condition" || verb === "group" || verb === "wrap") {
      const group = document.getElementById(`add-${path}`)?.closest(".group") ?? form;
      const leaves = group.querySelectorAll(".leaf .leaf-fields select:first-child");
      if (leaves.length) return leaves[leaves.length - 1].focus();
    }
    const same = document.getElementById(id);
    if (same && !same.disabled) return same.focus();
    const parent = path.slice(0, path.lastIndexOf("."));
    (document.getElementById(`add-${parent}`) ?? document.getElementById(`add-${path}`) ?? form.querySelector("[data-press]"))?.focus();
  }

  async function press(what, id) {
    isDirty = true;
    const titles = openParts();
    await htmx.ajax("POST", form.action, { source: form, target: "#fields", swap: "innerHTML", values: { do: what }, headers: { "HX-Target": "div#fields" } });
    reopen(titles);
    focusAfter(what, id);
    document.body.dispatchEvent(new CustomEvent("rulechange"));
  }

  if (form) {
    form.addEventListener("click", (event) => {
      const button = event.target.closest("[data-press]");
      if (!button || button.disabled) return;
      event.preventDefault();
      press(button.value, button.id);
    });
    // A list chosen by typing its words is redrawn when the typing has paused: redrawn sooner it would forget the letters so far.
    let lastLetterAt = -Infinity;
    let waiting;
    let timer;
    const settle = () => {
      clearTimeout(timer);
      const act = waiting;
      waiting = undefined;
      act?.();
    };
    const settleSoon = () => {
      clearTimeout(timer);
      timer = setTimeout(settle, TYPING_PAUSE_MS);
    };
    form.addEventListener("keydown", (event) => {
      if (!event.target.matches("select") || event.key.length !== 1) return;
      lastLetterAt = event.timeStamp;
      if (waiting) settleSoon();
    });
    form.addEventListener("focusout", settle);
    form.addEventListener("change", (event) => {
      isDirty = true;
      const part = event.target.closest("[data-press-on-change]");
      if (!part) return;
      const what = part.dataset.pressOnChange;
      waiting = () => {
        if (!what) press(`show:${part.name}`, part.id);
        else if (part.value) press(what, part.id);
      };
      if (event.timeStamp - lastLetterAt < TYPING_PAUSE_MS) settleSoon();
      else settle();
    });
    form.addEventListener("input", () => (isDirty = true));
    form.addEventListener("submit", () => (isDirty = false));
    addEventListener("beforeunload", (event) => {
      if (isDirty) event.preventDefault();
    });
    document.querySelector("[data-first-problem]")?.focus();
  }

  // Rules move with their buttons, or with Alt and an arrow from anywhere inside the card.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") event.target.closest(".score-form")?.querySelector("[data-cancels]")?.click();
    const card = event.target.closest?.("[data-rule]");
    const direction = { ArrowUp: "up", ArrowDown: "down" }[event.key];
    if (!card || !direction || !event.altKey) return;
    event.preventDefault();
    const button = document.getElementById(`${direction}-${card.id.slice("rule-".length)}`);
    if (button && !button.disabled) {
      button.focus();
      button.click();
    }
  });

  // A button that went away or grew disabled hands its focus to the card it moved.
  let lastId = "";
  document.addEventListener("htmx:before:request", (event) => (lastId = event.target.id ?? ""));
  document.addEventListener("htmx:after:settle", () => {
    const focused = document.activeElement;
    if (focused && focused !== document.body && !focused.disabled) return;
    const match = /^(?:up|down|toggle|remove)-(.+)$/.exec(lastId);
    if (match) document.getElementById(`rule-${match[1]}`)?.focus();
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-goes-to-line]");
    if (!link) return;
    event.preventDefault();
    goToLine(document.getElementById("text"), Number(link.dataset.goesToLine));
  });

  function goToLine(area, number) {
    const lines = area.value.split("\n");
    const start = lines.slice(0, number - 1).join("\n").length + (number > 1 ? 1 : 0);
    area.focus();
    area.setSelectionRange(start, start + (lines[number - 1] ?? "").length);
    area.scrollTop = (area.scrollHeight / lines.length) * Math.max(0, number - 4);
  }
})();

// The playground: routes without a reload, runs with the answer streamed. Answers are hostile text and only ever become text nodes.
(() => {
  const form = document.querySelector("[data-playground]");
  if (!form) return;
  const results = document.getElementById("results");
  const stop = form.querySelector("[data-stops]");
  const kept = ["target", "compare", "temperature", "max_tokens"];
  let running = null;

  // Short states are links: target and parameters always, the prompt while it is short.
  function keepInUrl() {
    const query = new URLSearchParams();
    const data = new FormData(form);
    for (const name of kept) if (data.get(name)) query.set(name, data.get(name));
    for (const name of ["json_mode", "stream"]) query.set(name, data.has(name) ? "True" : "");
    for (const name of ["prompt", "system"]) {
      const text = data.get(name);
      if (text && text.length <= 300) query.set(name, text);
    }
    history.replaceState(null, "", `${location.pathname}?${query}`);
  }

  async function route() {
    keepInUrl();
    await htmx.ajax("POST", form.action, { source: form, target: "#results", swap: "innerHTML", headers: { "HX-Target": "div#results" } });
    return results.querySelectorAll("[data-column]");
  }

  async function run() {
    running?.abort();
    running = new AbortController();
    const { signal } = running;
    stop.hidden = false;
    try {
      const columns = await route();
      offerVote(await Promise.all([...columns].map((column) => answer(column, signal))));
    } finally {
      if (running?.signal === signal) {
        running = null;
        stop.hidden = true;
      }
    }
  }

  async function answer(column, signal) {
    const box = column.querySelector("[data-answer]");
    const shown = view(box, column.dataset.chosen);
    const data = new FormData(form);
    data.set("column", column.dataset.column);
    data.set("seed", column.dataset.seed);
    try {
      const response = await fetch(form.dataset.runUrl, {
        method: "POST",
        body: data,
        headers: { Accept: "application/x-ndjson", "X-Requested-With": "fetch" },
        signal,
      });
      if (!response.headers.get("Content-Type")?.includes("ndjson")) throw new Error(`The server answered ${response.status}.`);
      for await (const event of lines(response.body)) shown.take(event);
      return shown.decision();
    } catch (error) {
      if (error.name === "AbortError") shown.note("Stopped.");
      else shown.take({ kind: "error", message: error.message });
    } finally {
      box.removeAttribute("aria-busy");
    }
  }

  // Two whole answers can be compared: the form that stands below them asks which is better.
  function offerVote(decisions) {
    const duel = results.querySelector("[data-duel]");
    if (!duel || decisions.length !== 2 || !decisions[0] || !decisions[1]) return;
    duel.elements.first.value = decisions[0];
    duel.elements.second.value = decisions[1];
    duel.hidden = false;
  }

  async function* lines(stream) {
    const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      const parts = (rest + value).split("\n");
      rest = parts.pop();
      for (const part of parts) if (part) yield JSON.parse(part);
    }
    if (rest) yield JSON.parse(rest);
  }

  function view(box, chosen) {
    const text = element("pre", "answer-text");
    const facts = element("p", "answer-facts small muted");
    const seen = {};
    let hasFailed = false;
    box.replaceChildren(text, facts);
    box.hidden = false;
    box.setAttribute("aria-busy", "true");

    function note(words, tone) {
      const line = element("p", "notice");
      line.dataset.tone = tone ?? "info";
      line.textContent = words;
      box.append(line);
    }

    function show() {
      const parts = [];
      if (seen.model) parts.push(seen.provider ? `${seen.model} at ${seen.provider}` : seen.model);
      if (seen.ttft_ms != null) parts.push(`first token ${time(seen.ttft_ms)}`);
      if (seen.latency_ms != null) parts.push(`${time(seen.latency_ms)} in all`);
      if (seen.prompt_tokens != null) parts.push(`${seen.prompt_tokens} tokens in, ${seen.completion_tokens} out${seen.is_estimated ? " (estimated)" : ""}`);
      if ("cost" in seen) parts.push(seen.cost == null ? "cost unknown" : money(Number(seen.cost)));
      if (seen.reason && seen.reason !== "stop") parts.push(`ended by ${seen.reason}`);
      facts.replaceChildren(document.createTextNode(parts.join(" · ")));
      if (seen.decision) {
        const link = element("a");
        link.href = `/requests/${encodeURIComponent(seen.decision)}/`;
        link.textContent = "why this answer";
        facts.append(parts.length ? " · " : "", link);
      }
    }

    function take(event) {
      if (event.kind === "text") text.append(event.text);
      if (event.kind === "error") {
        hasFailed = true;
        note(event.message ?? event.code ?? "That did not work.", "bad");
      }
      const { kind, text: _, message: __, ...rest } = event;
      Object.assign(seen, kind === "start" ? { decision: event.decision, model: event.model, provider: event.provider } : rest);
      if (kind !== "text") show();
      if (kind === "start" && chosen && rest.deployment && rest.deployment !== chosen) {
        note(`This run went to ${rest.deployment} first: part of the choice is by chance or by load, so it can differ from the decision below.`);
      }
    }

    // Of an answer that came to its end; nothing of one that broke off.
    const decision = () => (seen.latency_ms != null && !hasFailed ? seen.decision : "");
    return { take, note, decision };
  }

  function element(name, className) {
    const made = document.createElement(name);
    if (className) made.className = className;
    return made;
  }

  // As every page says them: three digits that count.
  function time(ms) {
    return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10000 ? 2 : 1)} s`;
  }

  function money(usd) {
    if (!usd || usd >= 1) return `$${usd.toFixed(2)}`;
    return `$${usd.toFixed(Math.min(9, Math.max(2, 2 - Math.floor(Math.log10(usd)))))}`;
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (event.submitter && "runs" in event.submitter.dataset) run();
    else route();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.tagName !== "TEXTAREA") return;
    const runs = event.ctrlKey || event.metaKey;
    if (!runs && !event.shiftKey) return;
    event.preventDefault();
    if (runs) run();
    else route();
  });
  stop.addEventListener("click", () => running?.abort());
  form.addEventListener("click", (event) => {
    const link = event.target.closest("[data-example]");
    if (!link) return;
    event.preventDefault();
    form.elements.prompt.value = link.dataset.example;
    form.elements.prompt.focus();
  });
})();

"use strict";
// The page for people. Texts become elements through textContent alone. Where answers go is the
// only difference between the two forms of the page: to the server that sent it, or (a file)
// into this browser's storage, to be downloaded.
(() => {
  const PAUSE = 60_000; // milliseconds without a key or a touch after which nobody is reading
  const $ = (id) => document.getElementById(id);

  function el(name, properties = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (key.startsWith("aria-")) made.setAttribute(key, value);
      else made[key] = value;
    }
    made.append(...children);
    return made;
  }

  // ---------------------------------------------------------------- where answers go

  class Refused extends Error {}

  function serverAnswers() {
    async function ask(path, body) {
      let reply;
      try {
        reply = await fetch(path, body === undefined ? {} : {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify(body),
        });
      } catch {
        throw new Error("Not saved: teachback annotate does not respond. Start it again, and " +
          "open its new link; what you chose here is kept while this page stays open.");
      }
      const answer = await reply.json().catch(() => ({}));
      if (reply.status === 409) throw new Refused();
      if (!reply.ok) throw new Error(answer.error || `Not saved: error ${reply.status}`);
      return answer;
    }
    return {
      kept: "",
      state: () => ask("state"),
      put: (answer) => ask("answer", answer),
      undo: () => ask("undo", {}),
    };
  }

  function fileAnswers(given) {
    const name = `teachback-annotation:${given.identity}:${given.annotator}`;
    function read() {
      const text = localStorage.getItem(name);
      if (text !== null) return JSON.parse(text);
      const bytes = crypto.getRandomValues(new Uint8Array(12));
      const browser = Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("");
      return { browser, revisions: [] };
    }
    function standing(log) {
      const found = new Map();
      for (const one of log.revisions) {
        found.delete(one.screen);
        if (one.answers !== null) found.set(one.screen, one);
      }
      return found;
    }
    function add(log, revision) {
      const number = log.revisions.length + 1;
      log.revisions.push({ ...revision, made: new Date().toISOString(), source_number: number });
      try {
        localStorage.setItem(name, JSON.stringify(log));
      } catch {
        throw new Error("Not saved: this browser did not store the answer. Open the page in a " +
          "window that is not private, or free some space.");
      }
    }
    function state(before = null) {
      const log = read(), answered = standing(log);
      const screen = given.screens.find((one) => !answered.has(one.id)) || null;
      return {
        screen, before, done: answered.size, total: given.screens.length,
        can_undo: answered.size > 0,
      };
    }
    return {
      kept: "Your answers are kept in this browser: download them when you are done.",
      state: async () => state(),
      put: async (answer) => {
        const log = read();
        if (standing(log).has(answer.screen)) throw new Refused();
        add(log, answer);
        return state();
      },
      undo: async () => {
        const log = read(), last = [...standing(log).values()].pop();
        if (!last) throw new Refused();
        add(log, { screen: last.screen, answers: null, note: "", seconds: 0 });
        const screen = given.screens.find((one) => one.id === last.screen);
        return { ...state(last), screen };
      },
      download: () => {
        const log = read();
        const head = {
          teachback: "answers", version: 1, identity: given.identity, annotator: given.annotator,
          browser: log.browser,
        };
        const lines = [head, ...log.revisions].map((one) => JSON.stringify(one) + "\n");
        const link = el("a", {
          href: URL.createObjectURL(new Blob(lines, { type: "application/x-ndjson" })),
          download: given.download,
        });
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 1000);
      },
    };
  }

  const embedded = $("annotation");
  const given = embedded ? JSON.parse(embedded.textContent) : null;
  const store = given ? fileAnswers(given) : serverAnswers();

  // ---------------------------------------------------------------- the screen

  let state = null; // as the store gives it
  let chosen = {}; // criterion → value
  let stage = 0; // the last one that is shown
  let active = 0; // of the criteria of all stages shown
  let busy = false;
  let seconds = 0;

  const stages = () => (state && state.screen ? state.screen.stages : []);
  const criteria = () => stages().slice(0, stage + 1).flatMap((one) => one.criteria);
  const isLocked = (criterion) => !stages()[stage].criteria.includes(criterion) && !state.before;
  const isWhole = () => criteria().every((one) => one.key in chosen);

  function show(next) {
    state = next;
    chosen = { ...(state.before ? state.before.answers : {}) };
    stage = state.before && state.screen ? state.screen.stages.length - 1 : 0;
    active = 0;
    seconds = 0;
    $("count").textContent = `${state.done} of ${state.total} answered`;
    $("progress").max = state.total || 1;
    $("progress").value = state.done;
    $("undo").disabled = !state.can_undo;
    $("introduction").textContent = state.introduction || (given ? given.introduction : "");
    draw(state.before ? state.before.note : "");
    window.scrollTo(0, 0);
  }

  function draw(note) {
    $("main").replaceChildren(...(state.screen ? screenParts(note) : [endPart()]));
    refresh();
    focusActive();
  }

  function screenParts(note) {
    const parts = [];
    if (state.done === 0 && stage === 0) {
      const words = `${$("introduction").textContent} Press ? for help.`;
      parts.push(el("p", { className: "first", textContent: words }));
    }
    stages().slice(0, stage + 1).forEach((one) => parts.push(...stageParts(one)));
    const text = el("textarea", { id: "note", rows: 2, maxLength: 2000, value: note });
    text.setAttribute("aria-label", "Note");
    const summary = el("summary", {}, "Note ", el("kbd", {}, "N"));
    const details = el("details", { open: note !== "" }, summary, text);
    const next = el("button", { type: "button", id: "next", className: "main" });
    next.addEventListener("click", forward);
    parts.push(el("div", { className: "foot" }, details, next));
    return parts;
  }

  function stageParts(one) {
    const beside = one.blocks.filter((block) => block.beside);
    const stacked = one.blocks.filter((block) => !block.beside);
    const parts = [];
    if (stacked.length) {
      parts.push(el("section", { className: "card" }, ...stacked.map(blockPart)));
    }
    if (beside.length) {
      const cards = beside.map((block) => el("section", { className: "card" }, blockPart(block)));
      parts.push(el("div", { className: "beside" }, ...cards));
    }
    parts.push(el("section", { className: "card questions" }, ...one.criteria.map(criterionPart)));
    return parts;
  }

  function blockPart(block) {
    const isExplanation = block.label.startsWith("Explanation");
    const part = el("div", { className: isExplanation ? "block explanation" : "block" },
      el("h2", { className: "label", textContent: block.label }),
      el("p", { className: "text", dir: "auto", textContent: block.text }));
    if (block.list) {
      part.append(el("ul", { className: "choices" },
        ...block.list.map((choice) => el("li", { dir: "auto", textContent: choice }))));
    }
    if (block.answer) {
      part.append(el("p", { className: "gives", dir: "auto", textContent: `→ ${block.answer}` }));
    }
    return part;
  }

  function criterionPart(criterion) {
    const long = criterion.options.some(([, words]) => words.length > 24);
    const options = el("div", { className: long ? "options long" : "options" });
    criterion.options.forEach(([value, words], place) => {
      const input = el("input", { type: "radio", name: criterion.key, value });
      input.checked = chosen[criterion.key] === value;
      input.disabled = isLocked(criterion);
      input.addEventListener("change", () => choose(criterion, value, false));
      options.append(el("label", { className: "option" }, input,
        el("span", {}, el("kbd", { textContent: String(place + 1), "aria-hidden": "true" }),
          el("bdi", { textContent: words }))));
    });
    const id = `asked-${criterion.key}`;
    const part = el("fieldset", { id: `criterion-${criterion.key}`, "aria-labelledby": id },
      el("div", { className: "row" },
        el("p", { id, className: "asked", textContent: criterion.text }), options));
    part.addEventListener("focusin", () => {
      const place = criteria().indexOf(criterion);
      if (place >= 0 && !isLocked(criterion)) { active = place; refresh(); }
    });
    return part;
  }

  function endPart() {
    const part = el("section", { className: "card end" },
      el("h2", { textContent: "All done. Thank you!" }),
      el("p", { textContent: store.download
        ? "Download your answers and send the file to whoever gave you this page."
        : "All your answers are saved. You can close this page." }));
    if (store.download) {
      const button = el("button", { type: "button", className: "main", id: "next",
        textContent: "Download answers" });
      button.addEventListener("click", () => store.download());
      part.append(button);
    }
    return part;
  }

  function refresh() {
    criteria().forEach((criterion, place) => {
      const part = $(`criterion-${criterion.key}`);
      if (part) part.classList.toggle("active", place === active);
    });
    const next = $("next");
    if (!next || !state.screen) return;
    const last = stage === stages().length - 1;
    next.replaceChildren(last ? "Save " : "Continue ", el("kbd", {}, "Enter"));
    next.disabled = busy || !isWhole();
  }

  function focusActive() {
    const criterion = criteria()[active];
    const next = $("next");
    if (!criterion) {
      if (next && !next.disabled) next.focus();
      return;
    }
    const inputs = [...$(`criterion-${criterion.key}`).querySelectorAll("input")];
    const goal = inputs.find((one) => one.checked) || inputs[0];
    goal.focus({ preventScroll: true });
    $(`criterion-${criterion.key}`).scrollIntoView({ block: "nearest" });
  }

  function choose(criterion, value, moves) {
    chosen[criterion.key] = value;
    for (const input of $(`criterion-${criterion.key}`).querySelectorAll("input")) {
      input.checked = input.value === value;
    }
    if (moves) {
      const open = criteria().findIndex((one) => !(one.key in chosen));
      active = open < 0 ? criteria().length : open;
      refresh();
      focusActive();
    } else {
      refresh();
    }
  }

  // ---------------------------------------------------------------- what people do

  async function act(work) {
    if (busy) return;
    busy = true;
    refresh();
    try {
      const next = await work();
      $("message").hidden = true;
      busy = false;
      if (next) show(next);
    } catch (error) {
      busy = false;
      if (error instanceof Refused) { // answered in another window meanwhile
        await act(() => store.state());
        return;
      }
      $("message").textContent = error.message;
      $("message").hidden = false;
    }
    refresh();
  }

  function forward() {
    if (!state || !state.screen || busy || !isWhole()) return;
    if (stage < stages().length - 1) {
      const note = $("note").value;
      stage += 1;
      active = criteria().findIndex((one) => !(one.key in chosen));
      draw(note);
      return;
    }
    const answer = {
      screen: state.screen.id, answers: chosen, note: $("note").value,
      seconds: Math.round(seconds / 100) / 10,
    };
    act(() => store.put(answer));
  }

  function undo() {
    if (!state || busy) return;
    const own = stages().length ? stages()[stage].criteria.filter((one) => one.key in chosen) : [];
    if (own.length && !state.before) { // first what is not saved yet
      delete chosen[own[own.length - 1].key];
      active = criteria().findIndex((one) => !(one.key in chosen));
      draw($("note").value);
    } else if (state.can_undo) {
      act(() => store.undo());
    }
  }

  function move(step) {
    const open = criteria().map((one, place) => (isLocked(one) ? -1 : place));
    const places = open.filter((place) => place >= 0);
    const at = Math.max(0, Math.min(places.length - 1, places.indexOf(active) + step));
    active = active >= criteria().length ? places[places.length - 1] : places[at];
    refresh();
    focusActive();
  }

  function help() {
    if ($("keys").open) $("keys").close();
    else $("keys").showModal();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (event.target.tagName === "TEXTAREA") {
      if (event.key === "Escape") { event.preventDefault(); event.target.blur(); focusActive(); }
      return;
    }
    if (event.key === "?") { event.preventDefault(); help(); return; }
    if ($("keys").open || !state) return;
    if (event.key === "Enter") {
      if (["BUTTON", "SUMMARY", "A"].includes(event.target.tagName)) return; // it has its own
      event.preventDefault();
      if (!event.repeat) forward();
    } else if (event.key === "u" || event.key === "U") {
      event.preventDefault();
      undo();
    } else if (event.key === "n" || event.key === "N") {
      if (!$("note")) return;
      event.preventDefault();
      $("note").closest("details").open = true;
      $("note").focus();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!state.screen) return;
      event.preventDefault();
      move(event.key === "ArrowDown" ? 1 : -1);
    } else if (/^[1-9]$/.test(event.key) && !event.repeat) {
      const criterion = criteria()[active];
      const option = criterion && criterion.options[Number(event.key) - 1];
      if (option && !isLocked(criterion)) {
        event.preventDefault();
        choose(criterion, option[0], true);
      }
    }
  });

  // Seconds count while the page is seen and somebody has touched it lately.
  let lastUse = performance.now(), lastTick = lastUse;
  for (const kind of ["keydown", "pointerdown", "pointermove", "wheel", "touchstart", "scroll"]) {
    document.addEventListener(kind, () => { lastUse = performance.now(); }, { passive: true });
  }
  setInterval(() => {
    const now = performance.now();
    if (document.visibilityState === "visible" && now - lastUse < PAUSE) {
      seconds += Math.min(now - lastTick, 2000);
    }
    lastTick = now;
  }, 200);

  $("undo").addEventListener("click", undo);
  $("help").addEventListener("click", help);
  $("kept").textContent = store.kept;
  if (store.download) {
    $("download").hidden = false;
    $("download").addEventListener("click", () => store.download());
  }
  act(() => store.state());
})();

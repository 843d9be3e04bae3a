"use strict";
const at = (id) => document.getElementById(id);
const said = at("said");

// With a key, the page stands at page/TOKEN/, and its token is what it may ask with.
const link = location.pathname.match(/^(.*\/)page\/([\w-]+)\/$/);
let asked = 0;

// Texts only ever become text nodes: nothing that is asked or answered is read as HTML.
function add(parent, tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}

function show(reply, body) {
  said.replaceChildren();
  add(said, "p", "answer", reply.answer === null ? "(unparsed)" : reply.answer);
  // An object puts names that are whole numbers first: the choices stand as they were asked.
  const places = new Map((body.choices || []).map((choice, place) => [choice, place]));
  const bars = Object.entries(reply.probabilities || {});
  bars.sort(([one], [other]) => (places.get(one) ?? 0) - (places.get(other) ?? 0));
  for (const [choice, share] of bars) {
    const row = add(said, "div", "bar");
    add(row, "span", "", choice);
    const meter = add(row, "meter");
    meter.value = share;
    meter.setAttribute("aria-label", choice);
    add(row, "span", "", (100 * share).toFixed(1) + "%");
  }
  if (reply.explanation !== null) {
    add(said, "p", "explanation", reply.explanation);
  } else {
    const why = add(said, "button", "", "Explain");
    why.id = "why";
    why.type = "button";
    why.addEventListener("click", () => ask({ ...body, explain: true }));
  }
  if (reply.probabilities && reply.answer !== reply.direct_answer) {
    add(said, "p", "note", "The probabilities are those of the direct answer: " + reply.direct_answer);
  }
  const how = reply.way === "explained" ? "answered after explaining" : "answered directly";
  const by = reply.answered_by === "teacher" ? "answered by the teacher" : how;
  add(said, "p", "note", by + ", " + Math.round(reply.milliseconds) + " ms");
  if (reply.note) add(said, "p", "note", reply.note);
}

function tell(text) {
  said.replaceChildren();
  add(said, "p", "note", text);
}

async function ask(body) {
  const own = ++asked;
  tell("…");
  said.focus();
  const headers = { "Content-Type": "application/json" };
  if (link) headers.Authorization = "Bearer " + link[2];
  const address = (link ? link[1] : "") + "v1/answer";
  try {
    const reply = await fetch(address, { method: "POST", headers, body: JSON.stringify(body) });
    const found = await reply.json();
    if (own !== asked) return;  // a later question is being asked
    if (reply.ok) show(found, body);
    else tell(found.error.message);
  } catch (error) {
    if (own === asked) tell("The server cannot be reached: " + error.message);
  }
}

at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const body = { question: at("question").value };
  const choices = at("choices").value.split("\n").map((one) => one.trim()).filter((one) => one);
  if (choices.length) body.choices = choices;
  if (at("context").value.trim()) body.context = at("context").value;
  ask(body);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("form").requestSubmit();
});

"use strict";
const at = (id) => document.getElementById(id);
const said = at("said");

// Texts only ever become text nodes: nothing that is asked or answered is read as HTML.
function add(parent, tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}

function show(reply) {
  said.replaceChildren();
  add(said, "p", "answer", reply.answer === null ? "(no answer that can be read)" : reply.answer);
  for (const [choice, share] of Object.entries(reply.probabilities || {})) {
    const row = add(said, "div", "bar");
    add(row, "span", "", choice);
    const meter = add(row, "meter");
    meter.value = share;
    meter.setAttribute("aria-label", choice);
    add(row, "span", "", (100 * share).toFixed(1) + "%");
  }
  if (reply.explanation !== null) add(said, "p", "explanation", reply.explanation);
  const by = reply.answered_by === "teacher" ? "answered by the teacher" : "answered " + reply.way;
  add(said, "p", "note", by + ", " + Math.round(reply.milliseconds) + " ms");
  if (reply.note) add(said, "p", "note", reply.note);
}

async function ask(event) {
  event.preventDefault();
  said.replaceChildren();
  add(said, "p", "note", "…");
  const body = { question: at("question").value, explain: at("explain").checked };
  const choices = at("choices").value.split("\n").map((one) => one.trim()).filter((one) => one);
  if (choices.length) body.choices = choices;
  if (at("context").value.trim()) body.context = at("context").value;
  const headers = { "Content-Type": "application/json" };
  if (at("key").value) headers.Authorization = "Bearer " + at("key").value;
  try {
    const reply = await fetch("v1/answer", { method: "POST", headers, body: JSON.stringify(body) });
    const found = await reply.json();
    if (reply.ok) return show(found);
    said.replaceChildren();
    add(said, "p", "", found.error.message);
  } catch (error) {
    said.replaceChildren();
    add(said, "p", "", "The server cannot be reached: " + error.message);
  }
}

at("form").addEventListener("submit", ask);
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("form").requestSubmit();
});

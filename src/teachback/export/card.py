"""The card (README.md) of an export: what it is, how it was checked, how it is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from huggingface_hub import ModelCardData

from teachback.errors import ReferenceError_
from teachback.evaluation.metrics import wilson
from teachback.export.check_questions import CheckQuestions
from teachback.export.config import WeightType
from teachback.export.formats import ExportFormat
from teachback.export.parity import Parity, table
from teachback.export.provenance import TEACHER
from teachback.references import HubModelReference, parse_student
from teachback.students.card import StudentCard
from teachback.students.encoding import MARKERS, QUESTION
from teachback.students.seq2seq import DECODER_MARKERS, ENCODER_MARKERS

_LICENCES = (("apache-2.0", "apache-2.0"), ("mit", "mit"), ("gemma", "gemma"))
"""A word that a licence's name contains → the hub's name for it."""


_LIBRARIES: Mapping[ExportFormat, str] = {
    "merged": "transformers",
    "gguf": "gguf",
    "openvino": "openvino",
}


@dataclass(frozen=True, slots=True)
class ExportFacts:
    """What is known of an export. ``card`` names no file of this machine."""

    name: str
    card: StudentCard
    form: ExportFormat
    weights: WeightType
    licence: str | None
    parity: Parity
    checked: CheckQuestions
    engine: str
    same_prompts: int | None
    origin: Mapping[str, str]
    """What `teachback.export.provenance` found."""
    teacher_terms: str | None = None
    """Under which terms the teacher's texts may be used, in the user's words."""


def model_card(facts: ExportFacts) -> str:
    """The card as Markdown behind the hub's YAML."""
    parts = [
        f"---\n{_data(facts).to_yaml()}\n---\n",
        f"# {facts.name}\n",
        "A small model trained with [teachback](https://pypi.org/project/teachback/) on "
        "explanations of a larger one: it answers a question, and says why.\n",
        _rows(_training(facts)),
        "## Checked against the student\n",
        _checked(facts),
        _rows(dict(table(facts.parity))),
        "## How to ask it\n",
        _asking(facts),
        "## Limits\n",
        _limits(facts),
    ]
    return "\n".join(parts)


def _data(facts: ExportFacts) -> ModelCardData:
    causal = facts.card.family == "causal"
    known = (facts.licence or "").casefold()
    words = [word.strip(".") for word in re.split(r"[^\w.+-]+", known)]
    licence = next((name for word, name in _LICENCES if word in words), None)
    named: dict[str, Any] = {"license": licence} if licence else {}
    if facts.licence and licence is None:
        # The hub takes a name of these characters alone.
        plain = re.sub(r"[^a-z0-9.]+", "-", known).strip("-.")
        named = {"license": "other", "license_name": plain or "other"}
    return ModelCardData(
        library_name=_LIBRARIES[facts.form],
        pipeline_tag="text-generation" if causal else "text2text-generation",
        tags=["teachback", "question-answering", "explanations"],
        base_model=_hub_base(facts.card.base),
        **named,
    )


def _hub_base(reference: str) -> str | None:
    """The base where it is a model of the hub; nothing else is a name that the hub knows."""
    try:
        named = parse_student(reference)
    except ReferenceError_:
        return None
    return named.repository if isinstance(named, HubModelReference) else None


def _training(facts: ExportFacts) -> Mapping[str, str]:
    card = facts.card
    rows = {
        "base": card.base,
        "licence of the base": facts.licence or "not known: see the base",
        "objective": card.objective or "none (not trained)",
        "question kind": card.kind or "not known",
        "answers by default": card.way,
        "weights": f"{facts.form}, {facts.weights}",
    }
    for way, accuracy in (card.valid or {}).items():
        asked = (card.valid_asked or {}).get(way)
        found = f"{accuracy:.3f}"
        if asked:
            low, high = wilson(accuracy, asked)
            found += f" [{low:.3f}, {high:.3f}] of {asked} questions"
        rows[f"accuracy on valid, {way}"] = f"{found} (the way was chosen on these)"
    rows["calibration"] = (
        "none: use its probabilities as they are"
        if card.temperature is None
        else f"divide log-probabilities by the temperature {card.temperature:.3f}, which was "
        "fitted on valid (teachback serve does it)"
    )
    rows |= facts.origin
    if TEACHER in rows or facts.teacher_terms:
        rows["terms of the teacher"] = facts.teacher_terms or (
            "not stated: ask who publishes the model before using its texts"
        )
    return rows


def _checked(facts: ExportFacts) -> str:
    checked = facts.checked
    origin = " and ".join(
        f"{file.questions} from {file.name}{f' (SHA-256 {file.sha256})' if file.sha256 else ''}"
        for file in checked.files
    )
    lines = [
        f"The reference is the student in float32, its adapter not merged; the export was asked "
        f"through {facts.engine}. Questions: {origin}, "
        f"and {checked.made} made to find what breaks (special tokens, text that is not ASCII, "
        "choices of one token, the longest question allowed). The student may have been trained "
        "on them, so "
        "the accuracies here say what the export changes, not how good the model is.\n"
    ]
    lines += [f"**Beyond the limits:** {problem}.\n" for problem in facts.parity.problems]
    if facts.same_prompts is not None and facts.same_prompts < len(checked.examples):
        differ = len(checked.examples) - facts.same_prompts
        lines.append(
            f"The tokenizer turns {differ} of {len(checked.examples)} prompts, given as one text, "
            "into different tokens than in training, where question and marker are tokenised "
            "separately: give such prompts as tokens.\n"
        )
    return "\n".join(lines)


def _asking(facts: ExportFacts) -> str:
    if facts.card.family == "seq2seq":
        return _asking_seq2seq(facts)
    shown = f"{QUESTION}<question>\n(A) <choice>\n(B) <choice>"
    both = "\n\n".join(f"```text\n{shown}{marker}\n```" for marker in MARKERS.values())
    text = f"Its prompts, for the answer alone and for an explanation that concludes:\n\n{both}\n"
    if facts.form == "gguf":
        return (
            f"{text}\nOllama: `ollama create NAME -f Modelfile`, then `ollama run NAME`. "
            "llama.cpp: `llama-server -m model.gguf`, whose chat has the prompt as its template.\n"
        )
    if facts.form == "openvino":
        return (
            f"{text}\nteachback: `teachback serve FOLDER` answers over HTTP (the extras `serve` "
            "and `openvino`). `scorer.xml` reads a question once with all its choices and gives "
            "the log-probabilities of their tokens; `decoder.xml` keeps what it has read and gives "
            "the likeliest next tokens.\n"
        )
    return f"""{text}
```python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("{facts.name}")
model = AutoModelForCausalLM.from_pretrained("{facts.name}", dtype="auto")
chat = [{{"role": "user", "content": "Which melts?\\n(A) ice\\n(B) stone"}}]
inputs = tokenizer.apply_chat_template(
    chat, add_generation_prompt=True, return_tensors="pt", return_dict=True, task="explanation"
)
print(tokenizer.decode(model.generate(**inputs)[0], skip_special_tokens=True))
```

vLLM: `vllm serve {facts.name}`; `chat_template_kwargs = {{"task": "answer"}}` asks for the answer
alone. teachback: `teachback ask FOLDER "Which melts?" --choice ice --choice stone --explain`.
"""


def _asking_seq2seq(facts: ExportFacts) -> str:
    if facts.card.task_marker == "encoder":
        way = " and ".join(f"`{prefix}`" for prefix in ENCODER_MARKERS.values())
        how = f"The question begins with {way}."
    else:
        way = " or ".join(f"`{marker}`" for marker in DECODER_MARKERS.values())
        how = f"The decoder's first tokens are the start token and those of {way}."
    return f"{how} `teachback ask FOLDER QUESTION --choice … --explain` does it.\n"


def _limits(facts: ExportFacts) -> str:
    return (
        f"One question at a time, of at most {facts.card.max_source_tokens} tokens, of the kind "
        "that it was trained on. Its explanations are not checked for truth: read them as what "
        "the model writes before it concludes, not as its reasons.\n"
    )


def _rows(rows: Mapping[str, str]) -> str:
    lines = [f"| {name} | {_cell(value)} |" for name, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")

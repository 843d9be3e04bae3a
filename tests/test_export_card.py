"""What the card of an export says, and that the hub can read it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from teachback.evaluation.metrics import wilson
from teachback.export.card import ExportFacts, model_card
from teachback.export.check_questions import CheckFile, CheckQuestions
from teachback.export.formats import DriftLimits
from teachback.export.parity import compare_answers
from teachback.export.provenance import provenance
from teachback.records import Answer, Example
from teachback.students.card import StudentCard

EXAMPLE = Example("1", "Which?", "a", "multiple-choice", ("a", "b"))
ANSWER = Answer("a", "direct", "a", probabilities={"a": 0.9, "b": 0.1})

FACTS = ExportFacts(
    name="ada/colours",
    card=StudentCard(
        "hf:ada/base",
        objective="mt-cot",
        valid={"direct": 0.75, "explained": 0.5},
        valid_asked={"direct": 80, "explained": 40},
        temperature=1.25,
    ),
    form="merged",
    weights="f32",
    licence="Gemma terms of use",
    parity=compare_answers([EXAMPLE], [ANSWER], [ANSWER], DriftLimits(0, 0, 0, 1, 0)),
    checked=CheckQuestions((EXAMPLE,), (CheckFile("check.jsonl", None, 1),)),
    engine="transformers",
    same_prompts=None,
    origin={"explanations by": "a-teacher"},
)


def test_accuracies_have_intervals_and_the_temperature_is_told() -> None:
    card = ModelCard(model_card(FACTS))
    low, high = wilson(0.75, 80)
    assert (
        f"| accuracy on valid, direct | 0.750 [{low:.3f}, {high:.3f}] of 80 questions" in card.text
    )
    assert "the temperature 1.250" in card.text
    assert card.data.base_model == "ada/base"
    plain = model_card(replace(FACTS, card=replace(FACTS.card, temperature=None)))
    assert "| calibration | none: " in plain


def test_the_teacher_s_terms_are_the_user_s_words_or_not_stated() -> None:
    assert "| terms of the teacher | not stated: " in model_card(FACTS)
    stated = model_card(replace(FACTS, teacher_terms="no\ncompeting | models"))
    assert "| terms of the teacher | no competing \\| models |" in stated
    assert "terms of the teacher" not in model_card(replace(FACTS, origin={}))


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("Gemma terms of use", {"license": "gemma"}),
        ("Apache-2.0", {"license": "apache-2.0"}),
        ("The MIT License", {"license": "mit"}),
        (
            "Research use only, limited",
            {"license": "other", "license_name": "research-use-only-limited"},
        ),
        ("MIT-like", {"license": "other", "license_name": "mit-like"}),
        (
            "Our Own (Research) Licence 2.0",
            {"license": "other", "license_name": "our-own-research-licence-2.0"},
        ),
        (None, {}),
    ],
)
def test_a_licence_has_a_name_that_the_hub_takes(
    licence: str | None, expected: dict[str, str]
) -> None:
    data = ModelCard(model_card(replace(FACTS, licence=licence))).data.to_dict()
    assert {key: text for key, text in data.items() if key.startswith("license")} == expected


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        ("/models/home/me/llama", "llama"),
        ("~/llama/", "llama"),
        ("../llama", "llama"),
        ("C:\\me\\llama", "llama"),
        ("org/llama", "org/llama"),
        ("accounts/org/models/llama", "accounts/org/models/llama"),
    ],
)
def test_a_teacher_s_folder_is_not_published(model: str, shown: str, tmp_path: Path) -> None:
    (tmp_path / "student").mkdir()
    (tmp_path / "config.toml").write_text(
        f"[data]\ntrain = 'train.jsonl'\n[teacher]\nreference = 'openai:{model}@http://h/v1'\n",
        "utf-8",
    )
    assert provenance(tmp_path / "student")["explanations by"] == shown

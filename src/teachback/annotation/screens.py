"""What a browser gets to see of a plan: texts and criteria, in stages, without systems' names.

Nothing here tells a planted screen from a plain one, or a system from another: screens carry
their number, and no item's id either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from teachback.annotation.criteria import (
    ALONE,
    PREFERRED,
    WITH,
    WITH_QUESTION,
    WITHOUT,
    Criterion,
)
from teachback.annotation.explained_items import Explained
from teachback.annotation.plan import Plan, PlannedItem, Screen

Shown = dict[str, Any]
"""A part of a page as JSON."""

INTRODUCTION = {
    "rate": "Judge each explanation on its own merits: first alone, then with its question.",
    "prefer": "Two explanations of one question: say which is better.",
    "simulate": "Predict what a system answers, first without its explanation and then with it.",
}


def shown_screen(plan: Plan, screen: Screen) -> Shown:
    """A screen as the page shows it: ``id``, and ``stages`` of texts and of criteria.

    A stage has ``blocks`` (``label``, ``text``; ``list``: the choices; ``beside``: stands next to
    its neighbour where there is room) and ``criteria`` (``key``, ``text``, ``options``: value and
    words).
    """
    item = plan.by_id()[screen.item]
    texts = [_explained(item, screen, place) for place in range(len(screen.systems))]
    mode = plan.settings.mode
    asked = _question_blocks(item, plan.settings.show_gold)
    if mode == "rate":
        stages = [
            _stage([_block("Explanation", texts[0].text)], ALONE, item),
            _stage([*asked, *_answer_block(texts[0])], WITH_QUESTION, item),
        ]
    elif mode == "prefer":
        sides = [
            {**_block(f"Explanation {name}", one.text), "beside": True, "answer": one.answer or ""}
            for name, one in zip("AB", texts, strict=True)
        ]
        stages = [_stage([*asked, *sides], (PREFERRED,), item)]
    else:
        stages = [
            _stage(asked, (WITHOUT,), item),
            _stage([_block("Explanation", texts[0].text)], (WITH,), item),
        ]
    return {"id": screen.id, "stages": stages}


def is_answer(plan: Plan, screen: Screen, answers: Mapping[str, object]) -> bool:
    """Whether ``answers`` has one allowed value for each criterion of the screen."""
    options = {
        criterion["key"]: [option[0] for option in criterion["options"]]
        for stage in shown_screen(plan, screen)["stages"]
        for criterion in stage["criteria"]
    }
    return set(answers) == set(options) and all(
        answers[key] in allowed for key, allowed in options.items()
    )


def _explained(item: PlannedItem, screen: Screen, place: int) -> Explained:
    given = item.explanations[screen.systems[place]]
    if screen.contradicted != place:
        return given
    text = given.text.rstrip()
    stop = "" if text.endswith((".", "!", "?")) else "."
    return Explained(f"{text}{stop} So the answer is not {given.answer}.", given.answer)


def _question_blocks(item: PlannedItem, show_gold: bool) -> list[Shown]:
    blocks = []
    if item.context:
        blocks.append(_block("Context", item.context))
    question = _block("Question", item.question)
    if item.choices:
        question["list"] = list(item.choices)
    blocks.append(question)
    if show_gold:
        blocks.append(_block("Gold answer", item.gold))
    return blocks


def _answer_block(given: Explained) -> list[Shown]:
    return [_block("Answer that it explains", given.answer)] if given.answer else []


def _block(label: str, text: str) -> Shown:
    return {"label": label, "text": text}


def _stage(blocks: list[Shown], criteria: tuple[Criterion, ...], item: PlannedItem) -> Shown:
    return {
        "blocks": blocks,
        "criteria": [
            {
                "key": criterion.key,
                "text": criterion.text,
                "options": [
                    list(option)
                    for option in criterion.options
                    or [(str(place), choice) for place, choice in enumerate(item.choices)]
                ],
            }
            for criterion in criteria
        ],
    }

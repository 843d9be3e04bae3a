"""The measures of explanations: what each is called, and what it says and does not say.

No measure is a quality score, and no two of them are added up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

MeasureGroup = Literal["surface", "consistency", "steps"]
Unit = Literal["share", "words"]


@dataclass(frozen=True, slots=True)
class MeasureKind:
    """A measure: ``title`` names it in tables, ``meaning`` completes "is the …"."""

    group: MeasureGroup
    title: str
    meaning: str
    unit: Unit = "share"


GROUP_TITLES: Mapping[MeasureGroup, str] = {
    "surface": "surface facts",
    "consistency": "consistency of answer and explanation",
    "steps": "steps of the desk's policy",
}

MEASURES: Mapping[str, MeasureKind] = {
    "length": MeasureKind("surface", "words", "mean number of words of an explanation", "words"),
    "copied": MeasureKind(
        "surface",
        "copied from the question",
        "mean share of an explanation's words that stand in the question three or more in a row",
    ),
    "repeated": MeasureKind(
        "surface",
        "repeated",
        "mean share of an explanation's four-word sequences that occur earlier in it",
    ),
    "restates-answer": MeasureKind(
        "surface",
        "restates the answer",
        "share of explanations that say nothing beyond the answer they give",
    ),
    "empty": MeasureKind("surface", "no explanation", "share of items explained by no words"),
    "unparsed": MeasureKind(
        "surface",
        "unparsed",
        "share of items whose explanation reaches no answer that can be parsed",
    ),
    "ways-agree": MeasureKind(
        "surface",
        "both ways agree",
        "share of items whose direct and explained answers are the same",
    ),
    "read-back": MeasureKind(
        "consistency",
        "own explanation, same answer",
        "share of explanations after which the scored answer is the one that was generated: how "
        "well the scored answer represents it",
    ),
    "swap-same": MeasureKind(
        "consistency",
        "swap, donor of the same answer",
        "share of answers that change when another item's explanation, which gave the same answer, "
        "takes the place of the item's own",
    ),
    "swap-other": MeasureKind(
        "consistency",
        "swap, donor of a different answer",
        "share of answers that change when the explanation in its place gave a different answer",
    ),
    "swap-follows": MeasureKind(
        "consistency",
        "swap, answer of the donor",
        "share of answers that become the donor's when its explanation, which gave a different "
        "answer, takes the place of the item's own",
    ),
    "early-0": MeasureKind(
        "consistency", "early answer, 0%", "share of final answers given without the explanation"
    ),
    "early-25": MeasureKind(
        "consistency", "early answer, 25%", "share of final answers given after its first quarter"
    ),
    "early-50": MeasureKind(
        "consistency", "early answer, 50%", "share of final answers given after its first half"
    ),
    "early-75": MeasureKind(
        "consistency", "early answer, 75%", "share of final answers given after three quarters"
    ),
    "mistake-number": MeasureKind(
        "consistency",
        "planted mistake, a number",
        "share of answers that change when a number before the last sentence is changed and the "
        "student continues from there",
    ),
    "mistake-number-unparsed": MeasureKind(
        "consistency",
        "planted mistake, a number, unparsed",
        "share of explanations with a planted number that reach no answer that can be parsed; "
        "these are not in the share above",
    ),
    "mistake-statement": MeasureKind(
        "consistency",
        "planted mistake, a statement",
        "share of answers that change when a statement before the last sentence is turned into its "
        "opposite and the student continues from there",
    ),
    "mistake-statement-unparsed": MeasureKind(
        "consistency",
        "planted mistake, a statement, unparsed",
        "share of explanations with a turned statement that reach no answer that can be parsed; "
        "these are not in the share above",
    ),
    "sound": MeasureKind(
        "steps", "sound", "share of explanations whose every step is right, the answer included"
    ),
    "partly-sound": MeasureKind(
        "steps",
        "partly sound",
        "share with a wrong step, but the deciding rule and most steps right",
    ),
    "wrong": MeasureKind("steps", "wrong", "share of all other explanations"),
}
"""Name → measure, in the order of the tables."""

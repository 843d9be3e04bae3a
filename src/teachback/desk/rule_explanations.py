"""Explanations written by the rule engine: correct, brief and little varied.

They are no model's work and carry the teacher name ``rule-engine`` wherever they appear.
They serve where no recording of a real teacher does, and as a control in studies.
"""

from __future__ import annotations

from teachback.desk.cases import Case
from teachback.desk.policy import MEMBER_DAYS, TIME_LIMITS, Facts, decide
from teachback.questions import say_answer

RULE_ENGINE = "rule-engine"
"""The teacher's name of these explanations."""


def rule_explanation(facts: Facts) -> str:
    """Why the policy decides this case as it does, in short sentences and without the
    concluding "The answer is …".
    """
    decision = decide(facts)
    sentences = ["It is faulty." if facts.faulty else "It is not faulty."]
    if not facts.faulty:
        sentences.append("It was a final sale." if facts.final_sale else "No final sale.")
    if decision.rule != 6:  # the only rule that does not ask for the time
        sentences += _timing(facts)
    grounds = {
        4: "Faulty, in time",
        5: "Faulty, late",
        6: "Not faulty, final sale",
        7: "Not faulty, late",
        8: "Not faulty, in time, opened or used",
        9: "Not faulty, in time, unopened",
    }[decision.rule]
    sentences.append(f"{grounds}: {decision.label} (rule {decision.rule}).")
    return " ".join(sentences)


def _timing(facts: Facts) -> list[str]:
    article = "An" if facts.item[0] in "aeiou" else "A"
    base = TIME_LIMITS[facts.category]
    if facts.member:
        extension = f"Members get {base} + {MEMBER_DAYS} = {facts.limit} days."
    else:
        extension = f"Without membership it stays {base} days."
    verdict = "in time" if facts.in_time else "late"
    return [
        f"{article} {facts.item} belongs to {facts.category}: {base} days.",
        extension,
        f"{facts.days} days against a limit of {facts.limit} days: {verdict}.",
    ]


def rule_reply(case: Case) -> str:
    """The explanation and its conclusion, as a recorded teacher's reply."""
    conclusion = say_answer(case.example, case.example.answer, "both")
    return f"{rule_explanation(case.facts)}\nThe answer is {conclusion}."

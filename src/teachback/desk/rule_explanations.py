"""Explanations written by the rule engine: correct, brief and little varied.

They are no model's work and carry the teacher name ``rule-engine`` wherever they appear.
They serve where no recording of a real teacher does, and as a control in studies.
"""

from __future__ import annotations

from teachback.desk.policy import MEMBER_DAYS, TIME_LIMITS, Facts, decide

TEACHER = "rule-engine"


def rule_explanation(facts: Facts) -> str:
    """Why the policy decides this case as it does, in short sentences and without the
    concluding "The answer is …".
    """
    article = "An" if facts.item[0] in "aeiou" else "A"
    base = TIME_LIMITS[facts.category]
    sentences = [f"{article} {facts.item} belongs to {facts.category}: {base} days (rule 1)."]
    if facts.member:
        sentences.append(f"Members get {base} + {MEMBER_DAYS} = {facts.limit} days (rule 2).")
    else:
        sentences.append(f"Without membership it stays {base} days (rule 2).")
    if facts.in_time:
        sentences.append(f"{facts.days} <= {facts.limit}, so it is in time (rule 3).")
    else:
        sentences.append(f"{facts.days} > {facts.limit}, so it is late (rule 3).")
    decision = decide(facts)
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

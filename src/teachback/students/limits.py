"""How many tokens a student may generate, from the lengths of what it is trained on."""

from __future__ import annotations

from collections.abc import Sequence

ANSWER_TOKENS = 48
"""The limit for a direct answer that is generated, where no training answers are known."""


def percentile(lengths: Sequence[int], percent: int) -> int:
    """The length that at least ``percent`` of 100 of ``lengths`` (not empty) do not exceed."""
    return sorted(lengths)[max(0, -(-len(lengths) * percent // 100) - 1)]


def generation_limit(usual: int, most: int) -> int:
    """The limit in tokens for texts of which 99% have at most ``usual``: a quarter and 8 tokens
    more, but no more than ``most``, where training targets are cut.
    """
    return min(most, -(-usual * 5 // 4) + 8)


def limit_note(unfinished: int, asked: int, limit: int | None) -> str | None:
    """What to say of a student that mostly runs into the limit: ``unfinished`` of the
    explanations of ``asked`` questions did. None where most came to an end by themselves.
    """
    if limit is None or 2 * unfinished <= asked:
        return None
    return (
        f"{unfinished} of {asked} explanations hit the limit of {limit} tokens: the student has "
        "not learnt where an explanation ends (train for more epochs), or writes longer ones than "
        "it was trained on (raise max_new_tokens)"
    )

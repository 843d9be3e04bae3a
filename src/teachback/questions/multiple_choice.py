"""Multiple choice with lettered options, and labels (a closed set without letters)."""

from __future__ import annotations

import re
from string import ascii_uppercase
from typing import Any

from teachback.questions.conclusions import first_sentence, normalise
from teachback.questions.kind import Reading
from teachback.records import AnswerFormat, Example

_NONE = re.compile(
    r"""\W*(?:none\b|neither\b|nothing\b|not\s+(?:\w+ly\s+)?(?:listed|given|among|provided|available|present|in|clear|any)|unclear\b
    |unknown\b|undetermined\b|no\s+(?:correct|right|suitable|answer|option|choice|single)
    |all\s+of|both\b|either\b|cannot\b|can't\b|impossible\b|indeterminate\b|n/?a\b)""",
    re.IGNORECASE | re.VERBOSE,
)
# "**Option B**", "<answer B: …>", "\\text{B}"
_OPENING = re.compile(
    r"""[\s*_"'“‘`{$<\-]*(?:\\(?:text|mathrm)\{)?
    (?:(?:(?:the\s+)?(?:correct\s+)?(?:answer|option|choice|letter)\b)[\s:>*_]*)?[\s"'“‘`<]*""",
    re.IGNORECASE | re.VERBOSE,
)
_BRACKETED = re.compile(r"[(\[]\s*([A-Za-z])\s*[)\]]")
_BARE = re.compile(r"([A-Z])(?![A-Za-z0-9]|['’][A-Za-z])")
_SEVERAL = re.compile(
    r"\s*(?:,|/|&|and|or)\s*(?:both\s+)?[(\[]?([A-Z])(?![A-Za-z0-9]|['’][A-Za-z])"
)
_SEPARATOR = re.compile(r"[\s*_)\].:,;\-–—=}>\"'”’`]*")


def _context(example: Example) -> str:
    return f"{example.context.strip()}\n\n" if example.context else ""


def _start_of(statement: str, choice: str) -> int:
    """Length of ``choice`` at the start of ``statement``; 0 where it does not stand there.

    Case, runs of white space, quotes and a leading article do not count.
    """
    words = [re.escape(word) for word in normalise(choice).split()]
    if not words:
        return 0
    pattern = r"[\s*_\"'“‘`(]*(?:(?:the|an|a)\s+)?" + r"\s+".join(words)
    # Not inside a longer word: "race" is not the start of "racetrack".
    pattern += r"(?![A-Za-z0-9])" if words[-1][-1].isalnum() else ""
    match = re.match(pattern, statement, re.IGNORECASE)
    return match.end() if match else 0


def _named_at_start(statement: str, choices: tuple[str, ...]) -> tuple[str | None, int]:
    lengths = [(_start_of(statement, choice), choice) for choice in choices]
    length, choice = max(lengths, key=lambda pair: pair[0])
    return (choice, length) if length else (None, 0)


def _named_within(sentence: str, choices: tuple[str, ...]) -> list[str]:
    """The choices whose text stands in ``sentence``; one inside another named one is not
    counted ("ball" within "red ball").
    """
    plain = f" {re.sub(r'[^a-z0-9]+', ' ', sentence.casefold())} "
    padded = {c: f" {re.sub(r'[^a-z0-9]+', ' ', normalise(c)).strip()} " for c in choices}
    named = [c for c in choices if padded[c].strip() and padded[c] in plain]
    return [
        c for c in named if not any(c != other and padded[c] in padded[other] for other in named)
    ]


class MultipleChoice:
    """Lettered options; an answer is a choice's text."""

    name = "multiple-choice"

    def canonical(self, value: Any, choices: tuple[str, ...]) -> str:
        text = str(value).strip()
        for match in (str.__eq__, lambda a, b: normalise(a) == normalise(b)):
            hits = [choice for choice in choices if match(choice, text)]
            if len(hits) == 1:
                return hits[0]
        if len(text) == 1 and text.upper() in ascii_uppercase[: len(choices)]:
            return choices[ascii_uppercase.index(text.upper())]
        raise ValueError(f"the answer {text!r} is not among the choices {list(choices)}")

    def render(self, example: Example) -> str:
        options = "\n".join(
            f"({letter}) {choice}"
            for letter, choice in zip(ascii_uppercase, example.choices, strict=False)
        )
        return f"{_context(example)}{example.question.strip()}\n{options}"

    def candidates(self, example: Example) -> tuple[str, ...]:
        return example.choices

    def say(self, example: Example, answer: str, answer_format: AnswerFormat) -> str:
        letter = ascii_uppercase[example.choices.index(answer)]
        return {"letter": letter, "text": answer, "both": f"({letter}) {answer}"}[answer_format]

    def read(self, example: Example, statement: str) -> Reading:
        choices = example.choices
        begin = _OPENING.match(statement)
        at = begin.end() if begin else 0
        sentence_length = len(first_sentence(statement))
        if len(normalise(statement)) > 1:  # a choice may itself begin with "None of …"
            choice, length = _named_at_start(statement[at:], choices)
            if choice is not None and len(choice) > 1:
                return Reading(choice, at + length)
        if _NONE.match(statement, at):
            return Reading(None, sentence_length)
        letter, after, bracketed = self._letter(statement, at, len(choices))
        if letter is None:
            named = _named_within(first_sentence(statement), choices)
            return Reading(named[0] if len(named) == 1 else None, sentence_length)
        several = _SEVERAL.match(statement, after)
        if several and several.group(1) != letter:
            return Reading(None, sentence_length)
        chosen = choices[ascii_uppercase.index(letter)]
        separator = _SEPARATOR.match(statement, after)
        rest_at = separator.end() if separator else after
        rest = statement[rest_at:]
        named_first, length = _named_at_start(rest, choices)
        if named_first is not None and named_first != chosen:
            own = _start_of(rest, chosen)
            if own < length:  # "(A) the text of B": letter and text disagree
                return Reading(None, rest_at + length)
        if named_first is not None:
            return Reading(chosen, rest_at + _start_of(rest, chosen))
        plain_word_follows = re.match(r"\s+[A-Za-z]", statement[after:])
        if letter in "AI" and not bracketed and plain_word_follows:
            # "A dog": the article (or "I think"), unless the words that follow name a choice.
            named = _named_within(first_sentence(statement), choices)
            return Reading(named[0] if len(named) == 1 else None, sentence_length)
        if _NONE.match(rest) and rest_at > after and not rest.startswith("\n"):
            return Reading(None, sentence_length)
        named = _named_within(first_sentence(rest), choices)
        if (
            len(named) == 1
            and named[0] != chosen
            and not re.search(
                r"\b(?:not|because|since|as|than|rather|instead|unlike)\b", first_sentence(rest)
            )
        ):
            return Reading(None, rest_at + len(first_sentence(rest)))
        return Reading(chosen, after)

    @staticmethod
    def _letter(statement: str, at: int, count: int) -> tuple[str | None, int, bool]:
        valid = ascii_uppercase[:count]
        match = _BRACKETED.match(statement, at)
        if match and match.group(1).upper() in valid:
            return match.group(1).upper(), match.end(), True
        match = _BARE.match(statement, at)
        if match and match.group(1) in valid:
            return match.group(1), match.end(), False
        return None, at, False

    def same(self, left: str, right: str) -> bool:
        return normalise(left) == normalise(right)


class Label:
    """A closed set of labels, the same for the whole file; no letters are shown."""

    name = "label"

    def canonical(self, value: Any, choices: tuple[str, ...]) -> str:
        text = str(value).strip()
        if not text:
            raise ValueError("the answer is empty")
        return text

    def render(self, example: Example) -> str:
        return f"{_context(example)}{example.question.strip()}"

    def candidates(self, example: Example) -> tuple[str, ...]:
        return example.choices

    def say(self, example: Example, answer: str, answer_format: AnswerFormat) -> str:
        return answer

    def read(self, example: Example, statement: str) -> Reading:
        choice, length = _named_at_start(statement, example.choices)
        if choice is not None:
            return Reading(choice, length)
        if _NONE.match(statement):
            return Reading(None, len(first_sentence(statement)))
        named = _named_within(first_sentence(statement), example.choices)
        return Reading(named[0] if len(named) == 1 else None, len(first_sentence(statement)))

    def same(self, left: str, right: str) -> bool:
        return normalise(left) == normalise(right)

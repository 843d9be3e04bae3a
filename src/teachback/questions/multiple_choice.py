"""Multiple choice: lettered options."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any

from teachback.questions.announcements import Announcements, announcements
from teachback.questions.choice_texts import (
    NONE,
    another_follows,
    is_other_number,
    named_at_end,
    named_at_start,
    named_within,
    read_within,
    start_of,
    written_out,
)
from teachback.questions.conclusions import (
    EDGE,
    Inference,
    MarkedEnding,
    first_sentence,
    is_blank,
    normalise,
)
from teachback.questions.inferred_choices import infer_choice
from teachback.questions.kind import QuestionKind, StatedAnswer
from teachback.records import AnswerFormat, Example

# "**Option B**", "<answer B: …>", "\\text{B}"
_OPENING = re.compile(
    r"""(?:[\s*_"'“‘`{$<]|-(?!\d))*(?:\\[(\[]\s*)?(?:\\(?:text|mathrm|textbf|mathbf)\{)?
    (?:(?:(?:the\s+)?(?:correct\s+)?(?:answer|option|choice|letter)\b)[\s:>*_]*)?[\s"'“‘`<]*
    (?:(?:la|el|le|l['’]|die|der|das)\s{1,3}(?=[*_(\[]{0,3}(?-i:[A-Z])\b))?""",
    re.IGNORECASE | re.VERBOSE,
)
_BRACKETED = re.compile(r"[(\[（]\s*(?:(?:choice|option)\s+)?([A-Za-z])\s*[)\]）]")
_BARE = re.compile(r"([A-Z])(?![A-Za-z0-9]|['’][A-Za-z])")
# "B or C", but not "B, a dog" nor "B, I think".
_SEVERAL = re.compile(
    r"\s*(?:,|/|&|and\b|or\b)\s*(?:(?:and|or|both)\s+)?[(\[]?(?!I\b|A\s+[a-z])"
    r"([A-Z])(?![A-Za-z0-9]|['’][A-Za-z])"
)
# A letter in small print is an answer only where it is all there is: "b", "b)".
_ALONE = re.compile(r"([a-z])[\s)\].:*_\"'”’`}$]*$")
_LETTER_AFTER = re.compile(r"[\s*_\"'”’`]*[(\[]\s*(?:(?:choice|option)\s+)?([A-Z])\s*[)\]]")
_WORD_AFTER = re.compile(r"\s+([A-Za-z]+)")
# Words that cannot follow an article, so the "A" before them is a letter.
_NO_NOUN = frozenset(
    """because since as is was and or but which that due for not here it this these the therefore
    so if though although while given based""".split()
)
_NEW_SENTENCE = re.compile(r"[*_)\]\"'”’`}]*(?:[.!][*_)\]\"'”’`}]*\s|\s*\n)")
_CONTRASTED = re.compile(r"\b(?:not|because|since|as|than|rather|instead|unlike)\b", re.IGNORECASE)
# "… so at the end Alice has (B) The Odyssey.": a marked answer that ends the text.
_MARKED_END = re.compile(
    r"(?P<mark>\((?:(?:choice|option)\s)?(?P<letter>[A-Z])\))[^()\n❌✗✘]{0,80}\Z"
)
_AROUND_WORDS = " \t*_\"'“”‘’`"
_SENTENCE_ENDS = (".", "!", "?", "\n")
_SEPARATOR = re.compile(r"(?:[\s*_)\].:,;=}>\"'”’`]|[\-–—](?!\d))*")


class MultipleChoice(QuestionKind):
    """Lettered options; an answer is a choice's text."""

    name = "multiple-choice"
    choices_from = "row"
    exemplars = "openbookqa"
    rows_have = "choices"

    def canonical(self, value: Any, choices: tuple[str, ...]) -> str:
        text = str(value).strip()
        for match in (str.__eq__, lambda a, b: normalise(a) == normalise(b)):
            hits = [choice for choice in choices if match(choice, text)]
            if len(hits) == 1:
                return hits[0]
        if len(text) == 1 and text.upper() in ascii_uppercase[: len(choices)]:
            return choices[ascii_uppercase.index(text.upper())]
        hint = ""
        if isinstance(value, int):
            hint = " (an answer is a choice's text or its letter, not its position)"
        raise ValueError(f"the answer {text!r} is not among the choices {list(choices)}{hint}")

    def recognises(self, value: Any, choices: tuple[str, ...]) -> bool:
        return bool(choices)

    def render(self, example: Example) -> str:
        lettered = zip(ascii_uppercase, example.choices, strict=False)
        options = "\n".join([f"({letter}) {choice}" for letter, choice in lettered])
        return f"{super().render(example)}\n{options}"

    def say(self, example: Example, answer: str, answer_format: AnswerFormat) -> str:
        letter = ascii_uppercase[example.choices.index(answer)]
        return {"letter": letter, "text": answer, "both": f"({letter}) {answer}"}[answer_format]

    def conclusion_form(self, choices: tuple[str, ...]) -> str:
        return (
            "The answer is (LETTER) CHOICE. Here LETTER and CHOICE are the letter and the words of "
            "the right choice."
        )

    def marked_ending(
        self, example: Example, text: str, found: Announcements
    ) -> MarkedEnding | None:
        """A bracketed letter with its choice's text behind or before it: "… has (B) The Odyssey."
        A letter without (the symbol of "carbon (C)") is none; one with another's names none."""
        stripped = text.rstrip(EDGE)
        mark = _MARKED_END.search(stripped)
        at = ascii_uppercase.find(mark["letter"]) if mark else -1
        if mark is None or not 0 <= at < len(example.choices):
            return None
        chosen = example.choices[at]
        if self.read(example, stripped[mark.start() :]).answer != chosen:
            return MarkedEnding(None, mark.start())
        separator = _SEPARATOR.match(stripped, mark.end("mark"))
        rest = stripped[separator.end() if separator else mark.end("mark") :]
        before = _named_right_before(stripped[: mark.start()], example.choices)
        if chosen in (before, named_at_start(rest, example.choices)[0]):
            return MarkedEnding(chosen, mark.start())
        return MarkedEnding(None, mark.start()) if before else None

    def count_names(self, example: Example) -> tuple[str, ...]:
        """Letters, since the choices differ from question to question."""
        return tuple(ascii_uppercase[: len(example.choices)])

    def majority_answers(self, train: Sequence[Example], test: Sequence[Example]) -> list[str]:
        """The choice at the most frequent position of the gold answer, at the most frequent of
        those that exist where a question has fewer choices."""
        positions = Counter(e.choices.index(e.answer) for e in train)
        ranked = [position for position, _ in positions.most_common()]
        return [e.choices[next((at for at in ranked if at < len(e.choices)), 0)] for e in test]

    def infer(self, example: Example, text: str, found: Announcements) -> Inference | None:
        return infer_choice(example.question, text, example.choices, found, lettered=True)

    def read(self, example: Example, statement: str) -> StatedAnswer:
        choices = example.choices
        written = self._written(statement, choices)
        if written is not None:
            return written
        begin = _OPENING.match(statement)
        at = begin.end() if begin else 0

        def unread() -> StatedAnswer:
            return StatedAnswer(None, len(first_sentence(statement)))

        # Texts of one character ("5", "C") are left to the letters below.
        texts = tuple([c for c in choices if len(c) > 1 or not (c.isascii() and c.isalnum())])
        # Before "none", since a choice may itself be "None of the above", or "not guilty".
        choice, length = named_at_start(statement[at:], texts)
        if choice is not None:
            end = at + length
            letter = _LETTER_AFTER.match(statement, end)
            if letter and ascii_uppercase.find(letter.group(1)) != choices.index(choice):
                return unread()
            if another_follows(statement, end, choice, texts):
                return unread()
            return StatedAnswer(choice, letter.end() if letter else end)
        if NONE.match(statement, at) or announcements().negated(statement, at):
            return unread()
        letter_at, after, bracketed = self._letter(statement, at, len(choices))
        if letter_at is None:
            return read_within(first_sentence(statement), choices)
        chosen = choices[letter_at]
        several = _SEVERAL.match(statement, after)
        if several and several.group(1) != ascii_uppercase[letter_at]:
            return unread()
        if not bracketed:
            letter_text = ascii_uppercase[letter_at].casefold()
            shown = ascii_uppercase[letter_at]
            if shown in choices and shown != chosen:
                return unread()  # "C" where "C" is the text of (B): letter or text?
            word = _WORD_AFTER.match(statement, after) if letter_text in "ai" else None
            if word and word.group(1).casefold() not in _NO_NOUN:
                # "A dog": the article (or "I think"), unless the words that follow name a choice.
                return read_within(first_sentence(statement), choices)
        return self._with_text(statement, letter_at, after, choices)

    @staticmethod
    def _written(statement: str, choices: tuple[str, ...]) -> StatedAnswer | None:
        """What `say` writes in any of its formats, and nothing else on the line: a choice's text,
        its letter, or both. A line that is one choice's text and another's letter names none."""
        letters = ascii_uppercase[: len(choices)]
        lettered = [
            f"({letter}) {choice}" for letter, choice in zip(letters, choices, strict=False)
        ]
        by_both, end = written_out(statement, lettered)
        if by_both is not None:
            return StatedAnswer(choices[by_both], end)
        by_text, end = written_out(statement, choices)
        by_letter, letter_end = written_out(statement, letters)
        if by_text is None:
            return None  # letters have many more forms than the bare one: see `_letter`
        if by_letter is not None and by_letter != by_text:
            return StatedAnswer(None, max(end, letter_end))
        return StatedAnswer(choices[by_text], end)

    @staticmethod
    def _with_text(
        statement: str, letter_at: int, after: int, choices: tuple[str, ...]
    ) -> StatedAnswer:
        """The choice whose letter ends at ``after``, unless the text after it says otherwise."""
        chosen = choices[letter_at]
        separator = _SEPARATOR.match(statement, after)
        rest_at = separator.end() if separator else after
        rest = statement[rest_at:]
        named_first, length = named_at_start(rest, choices)
        # "B. Plants need light": the letter is all, and another sentence begins.
        if _NEW_SENTENCE.match(statement, after) and not (
            named_first is not None and is_blank(first_sentence(rest)[length:])
        ):
            return StatedAnswer(chosen, after)
        if named_first is not None:
            own = length if named_first == chosen else start_of(rest, chosen)
            if own < length:  # "(A) the text of B": letter and text disagree
                return StatedAnswer(None, rest_at + length)
            return StatedAnswer(chosen, rest_at + own)
        sentence = first_sentence(rest)
        if rest_at > after and "," not in statement[after:rest_at] and NONE.match(rest):
            return StatedAnswer(None, rest_at + len(sentence))
        named = named_within(sentence, choices)
        if is_other_number(sentence, chosen):  # "(A) -15" where A is 15
            return StatedAnswer(None, rest_at + len(sentence))
        if len(named) == 1 and named[0] != chosen and not _CONTRASTED.search(sentence):
            return StatedAnswer(None, rest_at + len(sentence))
        return StatedAnswer(chosen, after)

    @staticmethod
    def _letter(statement: str, at: int, count: int) -> tuple[int | None, int, bool]:
        """A marked letter at ``at``: (index of the choice, where it ends, in brackets or not)."""
        for pattern, bracketed in ((_BRACKETED, True), (_BARE, False), (_ALONE, True)):
            match = pattern.match(statement, at)
            if match:
                index = ascii_uppercase.find(match.group(1).upper())
                if 0 <= index < count:
                    return index, match.end(1) if pattern is _ALONE else match.end(), bracketed
        return None, at, False


def _named_right_before(text: str, choices: tuple[str, ...]) -> str | None:
    """The choice whose text ends ``text``, in the sentence that continues behind it."""
    return (
        None if text.rstrip(_AROUND_WORDS).endswith(_SENTENCE_ENDS) else named_at_end(text, choices)
    )

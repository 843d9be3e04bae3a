"""Questions that are answered by yes or no."""

from __future__ import annotations

import re
from typing import Any

from teachback.questions.announcements import Announcements, in_every_language
from teachback.questions.conclusions import Inference, MarkedEnding, first_sentence
from teachback.questions.inferred_verdicts import infer_yes_no
from teachback.questions.kind import QuestionKind, StatedAnswer
from teachback.questions.restated import declared
from teachback.records import Example

_TRUTH = {"yes": "yes", "true": "yes", "no": "no", "false": "no"}
_YES_NO = re.compile(
    r"""[\s*_"'“‘`(\[{$]*(?:\\(?:text|mathrm|textbf|mathbf)\{)?
    (?:(?:so|therefore|thus|hence|clearly|certainly|definitely|probably|likely|most\s+likely
        |simply|obviously|indeed|still|a\s+(?:clear|resounding|definite|qualified|simple))\b
        [\s,:*_"'“‘]*)?
    (yes|no|true|false)(?![A-Za-z0-9'’-])""",
    re.IGNORECASE | re.VERBOSE,
)
# "no more than two", "no one": a "no" before a noun denies that, and is not the answer. Words
# that can follow an answer without a comma are not nouns.
_IN_PASSING = re.compile(
    r"""[ \t]+(?!(?:because|since|as|it|they|he|she|we|you|this|that|these|those|there|so|but|due
        |and|or|if|for|the|in|not|given|is|was|would|could|by|on|at|to|unless|although|when
        |a|an|although|though|while|based|under|without|with|from|it['’]s)\b)[a-z]""",
    re.VERBOSE,
)
_CONTRARY = re.compile(r"\s*(?:/|,?\s*(?:and|or)\s+)\s*(?:yes|no|true|false)\b", re.I)


class YesNo(QuestionKind):
    """Booleans; students write yes or no."""

    name = "yes-no"
    exemplars = "strategyqa"
    rows_have = "yes or no as the answer"

    def canonical(self, value: Any, choices: tuple[str, ...]) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        try:
            return _TRUTH[str(value).strip().casefold()]
        except KeyError:
            raise ValueError(f"the answer {value!r} is not yes, no, true or false") from None

    def recognises(self, value: Any, choices: tuple[str, ...]) -> bool:
        return not choices and self.accepts(value, choices)

    def candidates(self, example: Example) -> tuple[str, ...]:
        return ("yes", "no")

    def conclusion_form(self, choices: tuple[str, ...]) -> str:
        return "The answer is yes. Or: The answer is no."

    def infer(self, example: Example, text: str, found: Announcements) -> Inference | None:
        return infer_yes_no(example.question, text, found)

    def read(self, example: Example, statement: str) -> StatedAnswer:
        match = _YES_NO.match(statement)
        said, end = (None, 0) if match else in_every_language().verdict_at(statement)
        if said is not None:
            return StatedAnswer(said, end)
        if not match:
            sentence = first_sentence(statement)
            said = declared(example.question, sentence, in_every_language())
            return StatedAnswer(said, len(sentence), opens=False)
        if _IN_PASSING.match(statement, match.end()):
            return StatedAnswer(None, len(first_sentence(statement)))
        contrary = _CONTRARY.match(statement, match.end())
        if contrary:
            return StatedAnswer(None, contrary.end())
        return StatedAnswer(_TRUTH[match.group(1).casefold()], match.end())

    def marked_ending(
        self, example: Example, text: str, found: Announcements
    ) -> MarkedEnding | None:
        return found.verdict_end(text)

    def same(self, left: str, right: str) -> bool:
        return left == right

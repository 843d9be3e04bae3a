"""Replies that explain nothing or must not be learnt from, whatever they conclude. Pure."""

from __future__ import annotations

import re

from teachback.records import Example

# An explanation that speaks of having been told the answer teaches the student to do so. Being
# told, given a thing or a key, and solutions of salt are the question's own matter.
_RIGHT = r"(?:correct|right|final)\s+"
_LEAK = re.compile(
    rf"""\b(?:
        (?:given|provided|stated|supplied|specified|known|gold|labell?ed)\s+
            (?:{_RIGHT}(?:answer|label|solution)|answer|label)\b(?!\s+(?:choices?|options?))
        | (?:the|this|correct)\s+answer\s+(?:given|provided)\b
            (?!\s+(?:by|in|the|these|what|this)\b)
        | answer\s+(?:is|was|has\s+been|being)\s+
            (?:already\s+)?(?:given|provided|stated|told|specified)\b
            (?!\s+(?:by|in)\s+(?:the\s+)?(?:option|choice))
        | given\s+(?:that\s+)?the\s+(?:correct\s+)?answer\s+is
        | since\s+the\s+(?:correct\s+)?answer\s+is
        | (?:you|we|i)\s+(?:are|were|was|have\s+been|['’]ve\s+been)\s+(?:given|told)\s+(?:that\s+)?
            (?:the\s+(?:{_RIGHT})?answer\b|it\s+is\s+(?:\([A-Z]\)|option\b|choice\b))
        | (?:according\s+to|per|as\s+per|based\s+on|from)\s+
            the\s+(?:correct\s+)?answer\b(?!\s+(?:choices?|options?))
        | answer\s+key
        | (?:as\s+)?(?:stated|given|told|said|mentioned|specified|indicated)\s+
            (?:in|by)\s+(?:the|your)\s+(?:prompt|instructions?)
        | (?:the|your)\s+(?:prompt|question|instructions?)\s+
            (?:says?|states?|tells?(?:\s+(?:us|me))?)\s+(?:that\s+)?the\s+(?:correct\s+|right\s+)?answer
        | you\s+told\s+(?:me|us)\b
        | (?:you|they)\s+(?:told|said\s+to|gave)\s+(?:me|us)\s+(?:that\s+)?
            the\s+(?:{_RIGHT})?answer\b
        | answer,?\s+(?:(?:that|which)\s+)?(?:you|they)\s+(?:told|said\s+to|gave)\s+(?:me|us)\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)
# How a reply begins that will not explain.
_REFUSAL = re.compile(
    r"""[\s*_"“]*(?:
        (?:i['’]m|i\s+am|we['’]re|we\s+are)\s+(?:very\s+|so\s+|truly\s+)?(?:sorry|afraid|unable|not\s+able)
        | sorry\b | (?:my\s+)?apologies\b | i\s+apologi[sz]e\b | unfortunately,?\s+i\b
        | (?:as|being)\s+an?\s+(?:ai|artificial|large\s+language|language\s+model)
        | (?:i|we)\s+(?:can['’]?t|cannot|can\s+not|won['’]t|will\s+not|could\s+not|couldn['’]t
            |do\s+not\s+feel\s+able|must\s+decline|am\s+not\s+able|don['’]t\s+have\s+(?:enough|access))\b
        | es\s+tut\s+mir\s+leid | (?:ich\s+kann|als\s+ki)\b[^.]{0,60}\bnicht\b
        | (?:je\s+suis\s+)?désolé | je\s+ne\s+(?:peux|suis)\s+pas
        | lo\s+siento | no\s+puedo\b
        | (?:[^。\n]{0,12}[，,]\s*)?
            (?:很?抱歉|对不起|(?:我|本人)?(?:无法|不能|不可以)(?:回答|提供|解释|协助|帮助))
        | 申し訳 | (?:お答え|回答|説明)(?:は)?できません
        | извините | к\s+сожалению,?\s+я | я\s+не\s+могу
    )""",
    re.IGNORECASE | re.VERBOSE,
)
# Words that conclude without explaining.
_CONCLUDING = frozenset(
    """a an the this that it is are was so therefore thus because hence correct right best
    answer option choice letter must be yes no true false question""".split()
)
# Words that say nothing at all.
_EMPTY = frozenset(
    """sure okay ok certainly course absolutely great understood here s is are below follows an a
    the explanation explanations reasoning rationale justification step by n null none nil na nan
    undefined let us me explain to of for my i will provide you your request requested and now
    please see following as solution path""".split()
)
_WORD = re.compile(r"\w+")
_MARK_OR_WORD = re.compile(r"\(?\b[A-Z]\b[.:)]|(\w+)")  # "(B)", "B." and "B:" are marks


def leaks(text: str) -> bool:
    """Whether a reply speaks of the answer as one that it was given."""
    return _LEAK.search(text) is not None


def refuses(text: str) -> bool:
    """Whether a reply begins by declining to explain."""
    return _REFUSAL.match(text) is not None


def says_nothing(example: Example, explanation: str) -> bool:
    """Whether an explanation is an empty phrase ("Sure! Here is the explanation:", "N/A", "…")."""
    empty = _EMPTY.difference(word.casefold() for word in _WORD.findall(example.answer))
    return all(word[0].casefold() in empty for word in _WORD.finditer(explanation))


def restates_label(example: Example, explanation: str) -> bool:
    """Whether nothing is explained: no words beyond the answer's own and those that conclude."""
    known = _CONCLUDING.union(word.casefold() for word in _WORD.findall(example.answer))
    words = (match[1] for match in _MARK_OR_WORD.finditer(explanation))
    return all(word is None or word.casefold() in known for word in words)

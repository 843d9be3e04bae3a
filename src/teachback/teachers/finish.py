"""How a reply ended: what servers write as ``finish_reason``. Pure.

OpenAI has four words; gateways pass on those of other providers, in capitals or as objects, and
report a failed upstream as a reply that ended in ``error``, sometimes with half a text.
"""

from __future__ import annotations

import re
from typing import Literal

Ending = Literal["stop", "length", "refused"]

_WORDS: dict[Ending, str] = {
    "stop": "stop stopped eos eos_token end end_turn end_of_turn stop_sequence stop_string done "
    "complete completed finish finished tool_calls tool_call tool_use function_call",
    "length": "length max_tokens max_output_tokens max_completion_tokens max_new_tokens max_length "
    "model_length token_limit length_limit truncated incomplete context_length_exceeded "
    "context_window_exceeded model_context_window_exceeded max_context_length",
    "refused": "content_filter content_filtered refusal refused safety recitation blocklist spii "
    "prohibited_content sensitive guardrail_intervened moderation blocked",
}
_ENDINGS: dict[str, Ending] = {
    word: ending for ending, words in _WORDS.items() for word in words.split()
}

_FAILURE = re.compile(
    r"err|fail|abort|cancel|interrupt|time_?d?_?out|network|disconnect|insufficient"
    r"|unavailable|overload|exception|malformed|crash|killed|evict|preempt|unload|load$"
)
"""What is in the words for a reply that broke off through no doing of the model."""


class NotEnded(Exception):
    """What came is no reply: the server broke off. Says so in the server's word."""


def ending(reason: object, native: object, *, text: bool) -> Ending:
    """How a reply ended, by ``finish_reason`` and the upstream's ``native_finish_reason``.

    ``text``: whether there is any text. A word that is not known, or none at all, is taken for
    the end of a reply that has a text; without one, the server broke off.

    Raises:
        NotEnded: The server failed, by one of the two.
    """
    endings = []
    for value in (reason, native):
        word = _word(value)
        if _FAILURE.search(word) and word not in _ENDINGS:
            raise NotEnded(f"the reply broke off (finish_reason {_shown(value)})")
        endings.append(_ENDINGS.get(word))
    if endings[0] is None and not text:
        raise NotEnded(f"the reply is empty and did not end (finish_reason {_shown(reason)})")
    for worse in ("refused", "length"):
        if worse in endings:
            return worse
    return "stop"


def _word(value: object) -> str:
    """``FinishReason.MAX_TOKENS``, ``{"type": "length"}`` → ``max_tokens``, ``length``; an empty
    text for what is no word."""
    if isinstance(value, dict):
        value = value.get("type") or value.get("reason")
    if not isinstance(value, str):
        return ""
    word = re.sub(r"[\s-]+", "_", value.strip().lower()).rpartition(".")[2]
    return word.removeprefix("finish_reason_")


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"

"""Marks of chat templates that stay in replies: what is text, and what is thinking. Pure.

A server that does not know a model's template leaves its marks in the text: the end of the turn,
the channels of the harmony format, the tags around a thinking part. `apart` takes them out. A
sentence that speaks of a mark ("the token </s> ends a text") keeps it.
"""

from __future__ import annotations

import re

_THINKING_TAGS = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<reasoning>": "</reasoning>",
    "<seed:think>": "</seed:think>",
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "◁think▷": "◁/think▷",
    "[THINK]": "[/THINK]",
}
"""What opens a thinking part → what closes it. Some templates write the opening one into the
prompt, so that a reply holds the closing one alone."""

_ENDS = (
    "<|im_end|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|end_of_turn|>",
    "<|end_of_sentence|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|eot|>",
    "<|end|>",
    "<|return|>",
    "<|END_OF_TURN_TOKEN|>",
    "<|END_RESPONSE|>",
    "<｜end▁of▁sentence｜>",
    "<end_of_turn>",
    "<end_of_utterance>",
    "<turn|>",
    "<eos>",
    "</s>",
    "[/INST]",
)
"""Where a reply ends; what follows is a further turn that the model made up."""

_BEGINNINGS = (
    r"<\|im_start\|>(?:assistant)?",
    r"<\|start_header_id\|>assistant<\|end_header_id\|>",
    r"<\|start\|>assistant",
    r"<start_of_turn>(?:model|assistant)?",
    r"<\|turn>(?:model)?",
    r"<\|START_OF_TURN_TOKEN\|><\|CHATBOT_TOKEN\|>",
    r"<\|START_RESPONSE\|>",
    r"<\|begin_of_text\|>",
    r"<\|assistant\|>",
    r"<｜begin▁of▁sentence｜>",
    r"<｜Assistant｜>",
    r"<bos>",
    r"<s>",
    r"\[/INST\]",
)
"""What a reply may begin with."""

_TURNS = (
    r"<\|im_start\|>",
    r"<\|start_header_id\|>",
    r"<\|start\|>",
    r"<start_of_turn>",
    r"<\|turn>",
    r"<\|START_OF_TURN_TOKEN\|>",
    r"<\|(?:user|system|assistant)\|>",
    r"<｜(?:User|Assistant)｜>",
    r"\[INST\]",
    r"<<SYS>>",
)
"""What begins a further turn."""

_BEGINNING = re.compile(rf"\s*(?:{'|'.join(_BEGINNINGS)})\s*")
_END = re.compile("|".join([*map(re.escape, _ENDS), *_TURNS]))
_QUOTED = re.compile(r"[`\"'“‘«]\s*\Z")
_GOES_ON = re.compile(r"[ \t]+([^\W\d_])")
_SENTENCE_ENDED = re.compile(r"(?:^|[.!?…:\n])\s*\Z")
_GOES_ON_AFTER_SPACE = re.compile(r"[ \t]*[,;:.!?)]")

_CHANNEL = re.compile(
    r"<\|channel\|>\s*(?P<name>\w+)[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>"
    r"(?P<text>.*?)(?=<\|(?:end|return|call|start|channel)\|>|\Z)",
    re.DOTALL,
)
_BARE_CHANNELS = re.compile(
    r"\s*(?:(?:assistant)?analysis(?P<thinking>.*?))?assistantfinal(?P<text>.*)\Z"
    r"|\s*analysis(?P<unfinished>(?=[A-Z]).*)\Z",
    re.DOTALL,
)
"""The channels of the harmony format whose marks were taken out as special tokens; the names of
the channels remain, without a space before the text that follows."""

_BARE_NAMES = ("analysis", "assistant")


def apart(text: str) -> tuple[str, str | None]:
    """``(text, thinking)`` without marks. Thinking that was cut off leaves no text."""
    if not any(sign in text for sign in "<[◁") and not text.lstrip().startswith(_BARE_NAMES):
        return text, None  # as most are
    text, thinking = _channels(text)
    text = _unmarked(text)
    text, inner = split_thinking(text)
    parts = [part for part in (thinking, inner) if part]
    return (_unmarked(text) if inner else text), "\n".join(parts) or None


def split_thinking(text: str) -> tuple[str, str | None]:
    """``(text, thinking)`` of a reply with ``<think>…</think>`` or its like at the beginning of a
    line.

    Some chat templates write the opening mark into the prompt, so that the reply holds
    the closing one alone. Thinking that was cut off leaves no text.
    """
    for opening, closing in _THINKING_TAGS.items():
        thinking, closed, rest = text.partition(closing)
        before, opened, inner = thinking.partition(opening)
        if opened and not before.strip():
            return (rest.lstrip() if closed else ""), inner.strip() or None
        if closed and not opened:
            if _tag_is_mentioned(thinking, rest):
                continue
            return rest.lstrip(), thinking.strip() or None
        if closed and before.endswith("\n"):
            return f"{before.rstrip()}\n{rest.lstrip()}", inner.strip() or None
    return text, None


def _tag_is_mentioned(before: str, after: str) -> bool:
    """Whether a sentence speaks of a closing tag that nothing opened: it is quoted, or stands
    within the sentence. A model's next words after its thinking may be in lower case."""
    if _QUOTED.search(before):
        return True
    within = before[-1:] in (" ", "\t") and not _SENTENCE_ENDED.search(before)
    return within and (_GOES_ON_AFTER_SPACE.match(after) or _GOES_ON.match(after)) is not None


def _channels(text: str) -> tuple[str, str | None]:
    """A reply in the harmony format: the final channel, and the others."""
    found = list(_CHANNEL.finditer(text))
    if found:
        final = [one["text"] for one in found if one["name"] == "final"]
        others = [one["text"].strip() for one in found if one["name"] != "final"]
        return "\n".join(final).strip(), "\n".join(others) or None
    bare = _BARE_CHANNELS.match(text)
    if bare is not None:
        thinking = (bare["thinking"] or bare["unfinished"] or "").strip()
        return (bare["text"] or "").lstrip(), thinking or None
    return text, None


def _unmarked(text: str) -> str:
    """Without the marks at its beginning, and from its end mark on."""
    while (begins := _BEGINNING.match(text)) is not None:
        text = text[begins.end() :]
    for mark in _END.finditer(text):
        if not _is_mentioned(text, mark):
            return text[: mark.start()].rstrip()
    return text


def _is_mentioned(text: str, mark: re.Match[str]) -> bool:
    """Whether a sentence speaks of the mark: it is quoted, or the sentence goes on after it."""
    before, after = text[: mark.start()], text[mark.end() :]
    if _QUOTED.search(before):
        return True
    goes_on = _GOES_ON.match(after)
    if goes_on is not None:
        return not goes_on[1].isupper()
    return before[-1:] in (" ", "\t") and _GOES_ON_AFTER_SPACE.match(after) is not None

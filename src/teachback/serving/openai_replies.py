"""Continued texts in the form of OpenAI's interface: whole replies and streams."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from teachback.serving.engine import StudentEngine
from teachback.students.generated import Token


@dataclass(slots=True)
class GrowingText:
    """A text that grows token by token, up to a stop sequence, its end or a limit.

    What may be the beginning of a stop sequence or of a character is not shown before that is
    known; where the text is ``stripped``, white space neither, before something stands on both
    sides of it.
    """

    engine: StudentEngine
    stops: Sequence[str]
    stripped: bool = False
    tokens: list[Token] = field(default_factory=list)
    ended: Token | None = None
    """The end token, where the text came to it."""
    shown: str = ""
    finish: str | None = None

    def add(self, token: Token) -> str:
        """What can be shown now that was not before."""
        if token.id == self.engine.end_id:
            self.finish, self.ended = "stop", token
        else:
            self.tokens.append(token)
        whole = self.engine.text([one.id for one in self.tokens])
        found = [at for stop in self.stops if (at := whole.find(stop)) >= 0]
        if found:
            whole, self.finish = whole[: min(found)], "stop"
        if self.finish is None:
            held = max((_overlap(whole, stop) for stop in self.stops), default=0)
            whole = whole[: len(whole) - held].rstrip("�")
        return self._show(whole)

    def end(self) -> str:
        """What is left to be shown at the end; it was the limit, if nothing else."""
        if self.finish is None:
            self.finish = "length"
            return self._show(self.engine.text([one.id for one in self.tokens]))
        return ""

    def _show(self, whole: str) -> str:
        whole = whole.strip() if self.stripped else whole
        new = whole[len(self.shown) :]
        self.shown = whole if len(whole) >= len(self.shown) else self.shown
        return new


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of ``text`` begin ``stop``."""
    return next((n for n in range(min(len(stop), len(text)), 0, -1) if text.endswith(stop[:n])), 0)


def error(status: int, message: str) -> dict[str, Any]:
    """What is said where a request fails."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return {"message": message, "type": kind, "param": None, "code": None}


def internal(fault: Exception) -> str:
    """What is said of a fault of the server itself."""
    return f"internal error ({type(fault).__name__})"


def usage(read: int, written: int) -> dict[str, int]:
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def head(kind: str, model: str) -> dict[str, Any]:
    """What every reply of a kind (``chat.completion``, …) begins with."""
    prefix = "chatcmpl-" if kind.startswith("chat") else "cmpl-"
    return {
        "id": prefix + secrets.token_hex(12),
        "object": kind,
        "created": int(time.time()),
        "model": model,
    }


def chat_logprobs(engine: StudentEngine, tokens: Sequence[Token]) -> dict[str, Any]:
    """Log-probabilities as chats have them."""
    content = [
        {
            **_named(engine, token.id, token.log_probability),
            "top_logprobs": [_named(engine, *one) for one in token.likeliest],
        }
        for token in tokens
    ]
    return {"content": content, "refusal": None}


def _named(engine: StudentEngine, token: int, log_probability: float | None) -> dict[str, Any]:
    text = engine.piece(token)
    return {"token": text, "logprob": log_probability, "bytes": list(text.encode())}


def completion_logprobs(
    engine: StudentEngine, tokens: Sequence[Token], offset: int = 0
) -> dict[str, Any]:
    """Log-probabilities as completions have them, the first token at character ``offset``: among
    the most probable tokens stands each token itself too. The first token of a text has none."""
    pieces = [engine.piece(token.id) for token in tokens]
    offsets, at = [], offset
    for token, piece in zip(tokens, pieces, strict=True):
        offsets.append(at)
        at += 0 if engine.is_special(token.id) else len(piece)
    tops: list[dict[str, float] | None] = []
    for token, piece in zip(tokens, pieces, strict=True):
        if token.log_probability is None:
            tops.append(None)
            continue
        best: dict[str, float] = {}
        for one, share in token.likeliest:
            best.setdefault(engine.piece(one), share)
        best.setdefault(piece, token.log_probability)
        tops.append(best)
    return {
        "tokens": pieces,
        "token_logprobs": [token.log_probability for token in tokens],
        "top_logprobs": tops,
        "text_offset": offsets,
    }

"""A continued text as server-sent events, in the form of OpenAI's interface."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from teachback.serving import openai_replies as form
from teachback.serving.engine import StudentEngine
from teachback.serving.headers import HEADERS
from teachback.students.generated import Token


class EventStream:
    """The events of one chat (``chat``) or completion. ``logprobs``: whether the tokens of each
    event are told with it."""

    def __init__(self, engine: StudentEngine, name: str, *, chat: bool, logprobs: bool) -> None:
        self._engine, self._chat, self._logprobs = engine, chat, logprobs
        self._head = form.head("chat.completion.chunk" if chat else "text_completion", name)
        self.reply = web.StreamResponse(
            headers={**HEADERS, "Content-Type": "text/event-stream; charset=utf-8"}
        )
        self._offset = 0

    async def begin(self, request: web.Request) -> None:
        await self.reply.prepare(request)
        if self._chat:
            await self._choice({"delta": {"role": "assistant", "content": ""}}, None)

    async def send(self, text: str, tokens: Sequence[Token]) -> None:
        """A part of the text, and the tokens that it is made of."""
        part = {"delta": {"content": text}} if self._chat else {"text": text}
        await self._choice(part, None, self._told(tokens) if self._logprobs else None)

    async def end(self, finish: str | None, usage: dict[str, int] | None) -> None:
        await self._choice({"delta": {}} if self._chat else {"text": ""}, finish)
        if usage is not None:
            await self._write({**self._head, "choices": [], "usage": usage})
        await self.reply.write(b"data: [DONE]\n\n")

    async def fail(self, status: int, message: str) -> None:
        """End a reply whose own status is sent already."""
        await self._write({"error": form.error(status, message)})

    def _told(self, tokens: Sequence[Token]) -> dict[str, Any]:
        if self._chat:
            return form.chat_logprobs(self._engine, tokens)
        told = form.completion_logprobs(self._engine, tokens, self._offset)
        self._offset += sum(len(self._engine.piece(token.id)) for token in tokens)
        return told

    async def _choice(
        self, part: dict[str, Any], finish: str | None, logprobs: dict[str, Any] | None = None
    ) -> None:
        choice = {"index": 0, **part, "finish_reason": finish, "logprobs": logprobs}
        await self._write({**self._head, "choices": [choice]})

    async def _write(self, value: dict[str, Any]) -> None:
        await self.reply.write(f"data: {json.dumps(value)}\n\n".encode())

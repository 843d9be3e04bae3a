"""Texts that a student continues, through OpenAI's interface: chats and completions, whole or as
streams."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

from teachback.serving import openai_replies as form
from teachback.serving.deadline import Deadline
from teachback.serving.engine import Continuation, StudentEngine
from teachback.serving.event_stream import EventStream
from teachback.serving.lanes import Lane
from teachback.serving.measurements import Measurements
from teachback.serving.requests import (
    ChatRequest,
    CompletionOptions,
    CompletionRequest,
    Refusal,
    read_body,
)
from teachback.students.generated import Token

_LOG = logging.getLogger(__name__)


class ContinuedTexts:
    """The handlers of ``/v1/chat/completions`` and ``/v1/completions`` of one student.

    ``lane``: where its texts are continued, one after the other; ``seconds``: for one request;
    ``log``: gets what each request asks for.
    """

    def __init__(
        self,
        engine: StudentEngine,
        name: str,
        lane: Lane[Continuation, int],
        seconds: float,
        measurements: Measurements,
        log: Callable[[dict[str, Any]], None],
    ) -> None:
        self._engine, self._name, self._lane, self._seconds = engine, name, lane, seconds
        self._measurements, self._log = measurements, log

    async def chat(self, request: web.Request) -> web.StreamResponse:
        deadline = Deadline.after(self._seconds)
        asked = read_body(await deadline.wait_for(request.read()), ChatRequest)
        self._check_sampling(asked)
        if asked.messages[-1].role != "user":
            raise Refusal(422, "messages: the last one must be the user's")
        # A student was taught single questions: what stands before one is its context.
        texts = [one.text().strip() for one in asked.messages]
        if not texts[-1]:
            raise Refusal(422, "messages: the last one is empty")
        question = "\n\n".join(text for text in texts if text)
        ids = self._engine.prompt(question)
        self._log({"question": question})
        limit = asked.limit(self._engine.card.explanation_limit)
        text = form.GrowingText(self._engine, asked.stops(), stripped=True)
        top = (asked.top_logprobs or 0) if asked.logprobs else None
        if asked.stream:
            return await self._stream(
                request, asked, text, ids, limit, top, deadline=deadline, chat=True
            )
        await self._write(text, ids, limit, deadline=deadline, top=top)
        logprobs = None if top is None else form.chat_logprobs(self._engine, text.tokens)
        message = {"role": "assistant", "content": text.shown, "refusal": None}
        choice = {
            "index": 0,
            "message": message,
            "finish_reason": text.finish,
            "logprobs": logprobs,
        }
        used = form.usage(len(ids), len(text.tokens))
        return web.json_response(
            {**form.head("chat.completion", self._name), "choices": [choice], "usage": used}
        )

    async def complete(self, request: web.Request) -> web.StreamResponse:
        deadline = Deadline.after(self._seconds)
        asked = read_body(await deadline.wait_for(request.read()), CompletionRequest)
        self._check_sampling(asked)
        prompts = self._prompts(asked)
        self._log({"prompt": asked.prompt})
        limit = asked.limit(self._engine.card.explanation_limit)
        if asked.stream:
            if len(prompts) > 1 or asked.echo:
                raise Refusal(422, "stream: one prompt at a time, and without echo")
            text = form.GrowingText(self._engine, asked.stops())
            return await self._stream(
                request,
                asked,
                text,
                prompts[0],
                limit,
                asked.logprobs,
                deadline=deadline,
                chat=False,
            )
        choices, read, written = [], 0, 0
        for number, ids in enumerate(prompts):
            text = form.GrowingText(self._engine, asked.stops())
            measure = asked.echo and asked.logprobs is not None
            before = await self._write(
                text, ids, limit, deadline=deadline, measure=measure, top=asked.logprobs
            )
            logprobs = None
            if asked.logprobs is not None:
                # The end token is the last one: who sums up an echoed text leaves the last one out.
                ended = [] if text.ended is None else [text.ended]
                logprobs = form.completion_logprobs(self._engine, [*before, *text.tokens, *ended])
            shown = f"{self._engine.text(ids)}{text.shown}" if asked.echo else text.shown
            choices.append(
                {
                    "index": number,
                    "text": shown,
                    "finish_reason": text.finish,
                    "logprobs": logprobs,
                }
            )
            read, written = read + len(ids), written + len(text.tokens)
        head = form.head("text_completion", self._name)
        used = form.usage(read, written)
        return web.json_response({**head, "choices": choices, "usage": used})

    def _check_sampling(self, asked: CompletionOptions) -> None:
        if not self._engine.continues:
            raise Refusal(
                422, "this student only answers questions: POST /v1/answer or /v1/systemone"
            )
        if asked.n != 1:
            raise Refusal(422, "n: a student decodes greedily and has one reply")

    def _prompts(self, asked: CompletionRequest) -> list[tuple[int, ...]]:
        prompt = asked.prompt
        several: Sequence[Any] = (
            [prompt]
            if isinstance(prompt, str) or all(isinstance(p, int) for p in prompt)
            else prompt
        )
        if len(several) > 128:
            raise Refusal(422, "prompt: at most 128 at once")
        found = [self._engine.ids(one) if isinstance(one, str) else tuple(one) for one in several]
        for ids in found:
            self._engine.check_length(ids)
        return found

    async def _write(
        self,
        text: form.GrowingText,
        ids: tuple[int, ...],
        limit: int,
        *,
        deadline: Deadline,
        measure: bool = False,
        top: int | None = None,
    ) -> list[Token]:
        """Continue ``ids`` into ``text``, until the client leaves; the tokens of ``ids``
        themselves where they are measured."""
        before: list[Token] = []
        gone = False

        def arrived(token: Token) -> bool:
            if measure and len(before) < len(ids):
                before.append(token)
            else:
                text.add(token)
            return text.finish is None and not gone

        job = Continuation(ids, limit, arrived, measure, top or 0)
        try:
            await self._lane.ask(job, deadline)
        finally:
            gone = True
        text.end()
        self._measurements.tokens(len(ids), len(text.tokens))
        return before

    async def _stream(
        self,
        request: web.Request,
        asked: CompletionOptions,
        text: form.GrowingText,
        ids: tuple[int, ...],
        limit: int,
        top: int | None,
        *,
        deadline: Deadline,
        chat: bool,
    ) -> web.StreamResponse:
        """The text in server-sent events, as it is written; a client that leaves ends it.

        ``top``: how many of the most probable tokens stand beside each token; None: no
        log-probabilities."""
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[tuple[str, list[Token]] | None] = asyncio.Queue()
        gone = False
        silent: list[Token] = []  # tokens whose text is not shown yet

        def arrived(token: Token) -> bool:
            new = text.add(token)
            if token is not text.ended:
                silent.append(token)
            if new:
                loop.call_soon_threadsafe(pieces.put_nowait, (new, silent[:]))
                silent.clear()
            return text.finish is None and not gone

        task = asyncio.create_task(
            self._lane.ask(Continuation(ids, limit, arrived, top=top or 0), deadline)
        )
        task.add_done_callback(lambda _: pieces.put_nowait(None))
        try:
            first = await pieces.get()
            if first is None:
                await task  # refused before it began
            events = EventStream(self._engine, self._name, chat=chat, logprobs=top is not None)
            await events.begin(request)
            # From here on the status is sent: what goes wrong is the last event.
            try:
                new = first
                while new is not None:
                    await events.send(*new)
                    new = await pieces.get()
                await task
                if (left := text.end()) or (silent and top is not None):
                    await events.send(left, silent)
                used = form.usage(len(ids), len(text.tokens))
                self._measurements.tokens(used["prompt_tokens"], used["completion_tokens"])
                options = asked.stream_options
                wants_usage = options is not None and options.include_usage
                await events.end(text.finish, used if wants_usage else None)
            except Refusal as refusal:  # its time is over
                await events.fail(refusal.status, str(refusal))
            except ConnectionError:  # the client is gone
                raise
            except Exception as fault:
                _LOG.exception("a fault in a stream of %s", request.path)
                await events.fail(500, form.internal(fault))
            return events.reply
        finally:
            gone = True
            task.cancel()

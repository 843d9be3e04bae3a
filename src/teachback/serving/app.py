"""The routes of the server, and the guard before all of them."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from aiohttp import web

from teachback.records import Answer, Example
from teachback.serving import openai_replies as form
from teachback.serving.confidence import confidence
from teachback.serving.decisions import decided, question_of
from teachback.serving.described import document
from teachback.serving.engine import Continuation, Engine, Question
from teachback.serving.lanes import Lane
from teachback.serving.measurements import Measurements
from teachback.serving.requests import (
    MOST_BYTES,
    AnswerRequest,
    ChatRequest,
    CompletionRequest,
    DecisionRequest,
    Refusal,
    Sampling,
    read_body,
)
from teachback.students.generated import Token
from teachback.system.progress import Notice

if TYPE_CHECKING:
    from teachback.serving.fall_back import FallBack

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; "
    "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_OPEN = frozenset({"/health"})
"""Paths that need no key. So do the page's own files, which hold nothing of the student."""
_LOG = logging.getLogger(__name__)

_PAGE = {"/": ("page.html", "text/html"), "/page.js": ("page.js", "text/javascript")}

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one server does at once."""

    most_waiting: int = 64
    """Requests in the queue of each lane."""
    explained_at_once: int = 8
    seconds: float = 120.0
    """For one request, its time in the queue included."""


class Serving:
    """One student behind HTTP.

    ``hosts``: what the Host header may say; None: whatever (a key guards it then). ``key``: what
    ``Authorization: Bearer`` must hold. ``log``: gets a line per question, where users want that.
    """

    def __init__(
        self,
        engine: Engine,
        name: str,
        *,
        limits: Limits | None = None,
        key: str | None = None,
        fall_back: FallBack | None = None,
        log: Notice | None = None,
    ) -> None:
        self.engine, self.name = engine, name
        self.limits = limits or Limits()
        self._key, self._fall_back, self._log = key, fall_back, log
        self._hosts: frozenset[str] | None = None
        self.stopping = False
        waiting = self.limits.most_waiting
        self._direct: Lane[Question, Answer] = Lane(
            "direct", engine.answer_directly, at_once=1, most_waiting=waiting
        )
        self._explained: Lane[Question, Answer] = Lane(
            "explained",
            engine.explain,
            at_once=self.limits.explained_at_once,
            most_waiting=waiting,
        )
        self._continued: Lane[Continuation, int] = Lane(
            "continued", engine.continue_texts, at_once=1, most_waiting=waiting
        )
        self._lanes: dict[str, Lane[Any, Any]] = {
            lane.name: lane for lane in (self._direct, self._explained, self._continued)
        }
        self._taught: Lane[Example, str] | None = None
        if fall_back is not None:
            self._taught = Lane("teacher", fall_back.ask, at_once=1, most_waiting=waiting)
            self._lanes["teacher"] = self._taught
        self._measurements = Measurements()
        self._measurements.watch(self._lanes)

    def application(self, hosts: frozenset[str] | None) -> web.Application:
        self._hosts = hosts
        app = web.Application(middlewares=[self._guard], client_max_size=MOST_BYTES)
        for path in _PAGE:
            app.router.add_get(path, self._page)
        app.router.add_get("/health", self._health)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/openapi.json", self._described)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/answer", self._answer)
        app.router.add_post("/v1/systemone", self._decide)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/completions", self._complete)
        return app

    async def close(self) -> None:
        """Finish what was accepted."""
        for lane in self._lanes.values():
            await lane.close()

    # ------------------------------------------------------------------ the guard

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        started = time.perf_counter()
        try:
            self._check(request)
            reply = await handler(request)
        except Refusal as refusal:
            reply = _error(refusal.status, str(refusal), refusal.retry_after)
        except web.HTTPException as error:
            reply = _error(error.status, error.reason)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            _LOG.exception("a fault in answering %s", request.path)
            reply = _error(500, f"this server has a fault ({type(error).__name__})")
        resource = request.match_info.route.resource
        path = "other" if resource is None else resource.canonical
        self._measurements.request(path, reply.status, time.perf_counter() - started)
        if not reply.prepared:
            reply.headers.update(_HEADERS)
        return reply

    def _check(self, request: web.Request) -> None:
        """Raises Refusal where a request comes from elsewhere, has no key or no JSON."""
        if self._hosts is not None and request.host not in self._hosts:
            raise Refusal(403, "the Host header does not name this server")
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != request.host:
            raise Refusal(403, "requests from other sites' pages are refused")
        if self._key is not None and request.path not in _OPEN and request.path not in _PAGE:
            given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
            if not secrets.compare_digest(given, f"Bearer {self._key}".encode()):
                raise Refusal(401, "this server needs a key: Authorization: Bearer KEY")
        if request.method == "POST" and request.content_type != "application/json":
            raise Refusal(415, "the Content-Type must be application/json")
        if self.stopping and request.method == "POST":
            raise Refusal(503, "the server is stopping", 5)

    # ------------------------------------------------------------------ what is told

    async def _page(self, request: web.Request) -> web.Response:
        name, kind = _PAGE[request.path]
        text = (resources.files(__package__) / name).read_text("utf-8")
        return web.Response(text=text, content_type=kind, charset="utf-8")

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "stopping" if self.stopping else "ok"})

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._measurements.text(), content_type="text/plain")

    async def _described(self, _request: web.Request) -> web.Response:
        return web.json_response(document())

    async def _models(self, _request: web.Request) -> web.Response:
        model = {"id": self.name, "object": "model", "created": 0, "owned_by": "teachback"}
        return web.json_response({"object": "list", "data": [model]})

    # ------------------------------------------------------------------ answers

    async def _answer(self, request: web.Request) -> web.Response:
        started = time.perf_counter()
        asked = read_body(await request.read(), AnswerRequest)
        question = self.engine.check(asked)
        if self._log is not None:
            self._log(json.dumps({"question": asked.question, "choices": asked.choices}))
        lane = self._explained if question.explained else self._direct
        given = await lane.ask(question, self.limits.seconds)
        chosen = given.explained_answer if question.way == "explained" else given.direct_answer
        sure = confidence(given)
        by, note = "student", None
        behind, lane_behind = self._fall_back, self._taught
        if behind is not None and lane_behind is not None and behind.is_unsure(given):
            try:
                chosen = await lane_behind.ask(question.example, self.limits.seconds)
                by = "teacher"
            except Exception as error:
                note = f"the teacher was asked and gave no answer: {error}"[:300]
        self._measurements.answer(question.way, by, sure)
        return web.json_response(
            {
                "answer": chosen,
                "way": question.way,
                "answered_by": by,
                "confidence": sure,
                "probabilities": given.probabilities,
                "explanation": given.explanation if asked.explain else None,
                "direct_answer": given.direct_answer,
                "explained_answer": given.explained_answer,
                "note": note,
                "milliseconds": 1000 * (time.perf_counter() - started),
            }
        )

    async def _decide(self, request: web.Request) -> web.Response:
        asked = read_body(await request.read(), DecisionRequest)
        names = list(asked.questions)
        checked = [self.engine.check(question_of(asked, name)) for name in names]
        replies: dict[str, Any] = {}
        for name, question in zip(names, checked, strict=True):
            given = await self._direct.ask(question, self.limits.seconds)
            self._measurements.answer("direct", "student", confidence(given))
            replies[name] = decided(asked.questions[name], given)
        read = sum(self.engine.length(question.example) for question in checked)
        used = {"input_tokens": read, "output_tokens": 0}
        return web.json_response({"model": self.name, "answers": replies, "usage": used})

    # ------------------------------------------------------------------ as OpenAI's interface

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        asked = read_body(await request.read(), ChatRequest)
        self._check_sampling(asked)
        if asked.messages[-1].role != "user":
            raise Refusal(422, "messages: the last one must be the user's")
        # A student was taught single questions: what stands before one is its context.
        texts = [one.text().strip() for one in asked.messages]
        if not texts[-1]:
            raise Refusal(422, "messages: the last one is empty")
        ids = self.engine.prompt("\n\n".join(text for text in texts if text))
        limit = self._room(ids, asked.max_completion_tokens or asked.max_tokens)
        text = form.Text(self.engine, asked.stops())
        kind = "chat.completion"
        if asked.stream:
            return await self._stream(request, asked, text, Continuation(ids, limit, _drop), kind)
        await self._write(text, ids, limit)
        logprobs = None
        if asked.logprobs:
            logprobs = form.chat_logprobs(self.engine, text.tokens, asked.top_logprobs or 0)
        message = {"role": "assistant", "content": text.shown.strip(), "refusal": None}
        choice = {
            "index": 0,
            "message": message,
            "finish_reason": text.finish,
            "logprobs": logprobs,
        }
        used = form.usage(len(ids), len(text.tokens))
        return web.json_response({**form.head(kind, self.name), "choices": [choice], "usage": used})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        asked = read_body(await request.read(), CompletionRequest)
        self._check_sampling(asked)
        prompts = self._prompts(asked)
        kind = "text_completion"
        if asked.stream:
            if len(prompts) > 1 or asked.echo:
                raise Refusal(422, "stream: one prompt at a time, and without echo")
            text = form.Text(self.engine, asked.stops())
            limit = self._room(prompts[0], asked.max_tokens)
            job = Continuation(prompts[0], limit, _drop)
            return await self._stream(request, asked, text, job, kind)
        choices, read, written = [], 0, 0
        for number, ids in enumerate(prompts):
            text = form.Text(self.engine, asked.stops())
            wanted = 16 if asked.max_tokens is None else asked.max_tokens
            limit = min(wanted, self._room(ids, None)) if wanted else 0
            measure = asked.echo and asked.logprobs is not None
            before = await self._write(text, ids, limit, measure=measure)
            logprobs = None
            if asked.logprobs is not None:
                logprobs = form.completion_logprobs(self.engine, [*before, *text.tokens])
            shown = f"{self.engine.text(ids)}{text.shown}" if asked.echo else text.shown
            choices.append(
                {
                    "index": number,
                    "text": shown,
                    "finish_reason": text.finish,
                    "logprobs": logprobs,
                }
            )
            read, written = read + len(ids), written + len(text.tokens)
        return web.json_response(
            {**form.head(kind, self.name), "choices": choices, "usage": form.usage(read, written)}
        )

    def _check_sampling(self, asked: Sampling) -> None:
        if not self.engine.continues:
            raise Refusal(422, "this student only answers questions: POST /v1/answer")
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
        found = [self.engine.ids(one) if isinstance(one, str) else tuple(one) for one in several]
        for ids in found:
            self.engine.check_length(ids)
        return found

    def _room(self, ids: Sequence[int], wanted: int | None) -> int:
        """How many tokens may be written."""
        most = self.engine.card.explanation_limit
        return max(1, min(most, wanted if wanted is not None else most))

    async def _write(
        self, text: form.Text, ids: tuple[int, ...], limit: int, *, measure: bool = False
    ) -> list[Token]:
        """Continue ``ids`` into ``text``; the tokens of ``ids`` themselves where they are
        measured."""
        before: list[Token] = []

        def arrived(token: Token) -> bool:
            if measure and len(before) < len(ids):
                before.append(token)
                return True
            text.add(token)
            return text.finish is None

        await self._continued.ask(Continuation(ids, limit, arrived, measure), self.limits.seconds)
        text.end()
        self._measurements.tokens(len(ids), len(text.tokens))
        return before

    async def _stream(
        self,
        request: web.Request,
        asked: Sampling,
        text: form.Text,
        job: Continuation,
        kind: str,
    ) -> web.StreamResponse:
        """The text in server-sent events, as it is written; a client that leaves ends it."""
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[str | None] = asyncio.Queue()
        gone = False

        def arrived(token: Token) -> bool:
            if new := text.add(token):
                loop.call_soon_threadsafe(pieces.put_nowait, new)
            return text.finish is None and not gone

        task = asyncio.create_task(
            self._continued.ask(Continuation(job.ids, job.limit, arrived), self.limits.seconds)
        )
        task.add_done_callback(lambda _: pieces.put_nowait(None))
        try:
            first = await pieces.get()
            if first is None:
                await task  # refused before it began
            reply = web.StreamResponse(
                headers={**_HEADERS, "Content-Type": "text/event-stream; charset=utf-8"}
            )
            await reply.prepare(request)
            chat = kind.startswith("chat")
            head = form.head(f"{kind}.chunk" if chat else kind, self.name)
            if chat:
                await _send(reply, head, _delta({"role": "assistant", "content": ""}, None))
            new = first
            while new is not None:
                await _send(reply, head, _part(chat, new, None))
                new = await pieces.get()
            await task
            if left := text.end():
                await _send(reply, head, _part(chat, left, None))
            await _send(reply, head, _part(chat, "", text.finish))
            used = form.usage(len(job.ids), len(text.tokens))
            self._measurements.tokens(used["prompt_tokens"], used["completion_tokens"])
            if asked.stream_options is not None and asked.stream_options.include_usage:
                await _write_event(reply, {**head, "choices": [], "usage": used})
            await reply.write(b"data: [DONE]\n\n")
            return reply
        finally:
            gone = True
            task.cancel()


def _drop(_token: Token) -> bool:
    return False


def _part(chat: bool, text: str, finish: str | None) -> dict[str, Any]:
    if not chat:
        return {"index": 0, "text": text, "finish_reason": finish, "logprobs": None}
    return _delta({} if finish else {"content": text}, finish)


def _delta(delta: dict[str, Any], finish: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}


async def _send(reply: web.StreamResponse, head: dict[str, Any], choice: dict[str, Any]) -> None:
    await _write_event(reply, {**head, "choices": [choice]})


async def _write_event(reply: web.StreamResponse, value: dict[str, Any]) -> None:
    await reply.write(f"data: {json.dumps(value)}\n\n".encode())


def _error(status: int, message: str, retry_after: int | None = None) -> web.Response:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    body = {"error": {"message": message, "type": kind, "param": None, "code": None}}
    return web.json_response(body, status=status, headers=headers)

"""The routes of the server, and the guard before all of them."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from importlib import resources
from typing import TYPE_CHECKING, Any

from aiohttp import web

from teachback.evaluation.adaptive import is_unsure, margin_of
from teachback.evaluation.ways import adaptive_answer
from teachback.records import Answer, Example
from teachback.serving.confidence import at_temperature, confidence
from teachback.serving.continued_texts import ContinuedTexts
from teachback.serving.deadline import Deadline
from teachback.serving.decisions import decided, question_of
from teachback.serving.described import document
from teachback.serving.engine import Continuation, Question, StudentEngine
from teachback.serving.headers import HEADERS
from teachback.serving.lanes import Lane
from teachback.serving.measurements import Measurements
from teachback.serving.openai_replies import error, internal
from teachback.serving.requests import (
    MOST_BYTES,
    AnswerRequest,
    DecisionRequest,
    Refusal,
    read_body,
)
from teachback.system.progress import Notice

if TYPE_CHECKING:
    from teachback.serving.fall_back import FallBack

_OPEN = "/health"
"""The one path that needs no key."""
_LOG = logging.getLogger(__name__)

_ANSWER = "/v1/answer"
"""The one path that the page asks."""

_PAGE = {
    "": ("page.html", "text/html"),
    "page.js": ("page.js", "text/javascript"),
    "page.css": ("page.css", "text/css"),
}
"""The page's files, by the last part of their paths."""

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one server does at once."""

    most_waiting: int = 64
    """Requests in the queue of each lane."""
    explained_at_once: int = 32
    """Explanations of one batch: each token reads all weights once, for however many."""
    seconds: float = 120.0
    """For one request, from its beginning to its end: all that is read, waited for and computed."""


class Serving:
    """One student behind HTTP.

    ``hosts``: what the Host header may say; None: whatever (a key guards it then). ``key``: what
    ``Authorization: Bearer`` must hold; the page then has a link of its own, `page_path`, with a
    token that is new at every start and can ask questions, but nothing else. ``log``: gets a
    line per question, where users want that.
    """

    def __init__(
        self,
        engine: StudentEngine,
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
        self._token = None if key is None else secrets.token_urlsafe(18)
        self.page_path = "/" if self._token is None else f"/page/{self._token}/"
        self._hosts: frozenset[str] | None = None
        self._stopping = False
        self._accepted = 0
        """Requests that are being answered now."""
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
        continued: Lane[Continuation, int] = Lane(
            "continued", engine.continue_texts, at_once=1, most_waiting=waiting
        )
        self._lanes: dict[str, Lane[Any, Any]] = {
            lane.name: lane for lane in (self._direct, self._explained, continued)
        }
        self._taught: Lane[Example, str] | None = None
        if fall_back is not None:
            self._taught = Lane("teacher", fall_back.ask, at_once=1, most_waiting=waiting)
            self._lanes["teacher"] = self._taught
        self._measurements = Measurements()
        self._measurements.watch(self._lanes)
        self._continuing = ContinuedTexts(
            engine, name, continued, self.limits.seconds, self._measurements, self._log_question
        )

    def application(self, hosts: frozenset[str] | None) -> web.Application:
        self._hosts = hosts
        app = web.Application(middlewares=[self._guard], client_max_size=MOST_BYTES)
        for name in _PAGE:
            app.router.add_get(f"/{name}", self._page)
            app.router.add_get(f"/page/{{token}}/{name}", self._page)
        app.router.add_get(_OPEN, self._health)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/openapi.json", self._described)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post(_ANSWER, self._answer)
        app.router.add_post("/v1/systemone", self._decide)
        app.router.add_post("/v1/chat/completions", self._continuing.chat)
        app.router.add_post("/v1/completions", self._continuing.complete)
        return app

    async def finish(self) -> int:
        """Accept nothing more, and wait until what was accepted is answered, for the time of one
        request. How many were not: clients that do not read their replies."""
        self._stopping = True
        end = time.monotonic() + self.limits.seconds
        while self._accepted and time.monotonic() < end:
            await asyncio.sleep(0.02)
        return self._accepted

    async def close(self) -> None:
        """End the lanes, after what they are at."""
        for lane in self._lanes.values():
            await lane.close()

    # ------------------------------------------------------------------ the guard

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        started = time.perf_counter()
        try:
            self._check(request)
            self._accepted += 1
            try:
                reply = await handler(request)
            finally:
                self._accepted -= 1
        except Refusal as refusal:
            reply = _error(refusal.status, str(refusal), refusal.retry_after)
        except web.HTTPException as found:
            reply = _error(found.status, found.reason)
        except (asyncio.CancelledError, ConnectionError):  # the client is gone
            raise
        except Exception as fault:
            _LOG.exception("a fault in answering %s", request.path)
            reply = _error(500, internal(fault))
        resource = request.match_info.route.resource
        path = "other" if resource is None else resource.canonical
        self._measurements.request(path, reply.status, time.perf_counter() - started)
        if not reply.prepared:
            reply.headers.update(HEADERS)
        return reply

    def _check(self, request: web.Request) -> None:
        """Raises Refusal where a request comes from elsewhere, has no key or no JSON."""
        if self._hosts is not None and request.host not in self._hosts:
            raise Refusal(403, "the Host header does not name this server")
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != request.host:
            raise Refusal(403, "requests from pages of other sites are refused")
        token = request.match_info.get("token")
        if token is not None and not _same(token, self._token):
            raise Refusal(404, "there is no such page: open the link that was printed")
        if self._key is not None and request.path != _OPEN and token is None:
            scheme, _, given = request.headers.get("Authorization", "").partition(" ")
            from_page = request.path == _ANSWER and _same(given, self._token)
            if scheme != "Bearer" or not (_same(given, self._key) or from_page):
                raise Refusal(
                    401,
                    "this server needs a key: Authorization: Bearer KEY (its page has a link of "
                    "its own, which was printed when it started)",
                )
        if request.method == "POST" and request.content_type != "application/json":
            raise Refusal(415, "the Content-Type must be application/json")
        if self._stopping and request.method == "POST":
            raise Refusal(503, "the server is stopping", 5)

    # ------------------------------------------------------------------ what is told

    async def _page(self, request: web.Request) -> web.Response:
        name, kind = _PAGE[request.path.rpartition("/")[2]]
        text = (resources.files(__package__) / name).read_text("utf-8")
        return web.Response(text=text, content_type=kind, charset="utf-8")

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "stopping" if self._stopping else "ok"})

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
        deadline = Deadline.after(self.limits.seconds)
        asked = read_body(await deadline.wait_for(request.read()), AnswerRequest)
        question = self.engine.check(asked)
        self._log_answer(asked)
        given = await self._given(question, deadline)
        chosen, way = given.answer, given.way
        sure = confidence(given)
        by, note = "student", None
        behind, lane_behind = self._fall_back, self._taught
        if behind is not None and lane_behind is not None and behind.is_unsure(given):
            try:
                chosen = await lane_behind.ask(question.example, deadline)
                by = "teacher"
            except Exception as failed:
                note = f"the teacher was asked and gave no answer: {failed}"[:300]
        self._measurements.answer(way, by, sure)
        return web.json_response(
            {
                "answer": chosen,
                "way": way,
                "answered_by": by,
                "confidence": sure,
                "probabilities": given.probabilities,
                "calibrated": bool(given.probabilities)
                and self.engine.card.temperature is not None,
                "explanation": given.explanation if asked.explain else None,
                "direct_answer": given.direct_answer,
                "explained_answer": given.explained_answer,
                "note": note,
                "milliseconds": 1000 * (time.perf_counter() - started),
            }
        )

    async def _given(self, question: Question, deadline: Deadline) -> Answer:
        """The student's answer in the way that was asked for, its probabilities calibrated. In the
        adaptive way, a sure one waits in the lane of direct answers alone."""
        lane = self._explained if question.explained else self._direct
        found = await lane.ask(question, deadline)
        if question.threshold is not None:
            if not question.explained and is_unsure(margin_of(found), question.threshold):
                found = await self._explained.ask(question, deadline)
            found = adaptive_answer(found, question.threshold)
        else:
            explained = question.way == "explained"
            answer = found.explained_answer if explained else found.direct_answer
            found = replace(found, answer=answer, way=question.way)
        return at_temperature(found, self.engine.card.temperature)

    async def _decide(self, request: web.Request) -> web.Response:
        deadline = Deadline.after(self.limits.seconds)
        asked = read_body(await deadline.wait_for(request.read()), DecisionRequest)
        names = list(asked.questions)
        put = [question_of(asked, name) for name in names]
        checked = [self._checked(name, one) for name, one in zip(names, put, strict=True)]
        for one in put:
            self._log_answer(one)
        replies: dict[str, Any] = {}
        for name, question in zip(names, checked, strict=True):
            given = await self._given(question, deadline)
            self._measurements.answer("direct", "student", confidence(given))
            replies[name] = decided(asked.questions[name], given)
        read = sum(self.engine.length(question.example) for question in checked)
        used = {"input_tokens": read, "output_tokens": 0}
        return web.json_response({"model": self.name, "answers": replies, "usage": used})

    def _checked(self, name: str, asked: AnswerRequest) -> Question:
        """The question ``name`` of several. Raises Refusal, naming it."""
        try:
            return self.engine.check(asked)
        except Refusal as refusal:
            raise Refusal(refusal.status, f"questions.{name[:80]}: {refusal}") from None

    def _log_answer(self, asked: AnswerRequest) -> None:
        self._log_question(asked.model_dump(include={"question", "choices", "context"}))

    def _log_question(self, asked: dict[str, Any]) -> None:
        """What is to be answered, as a line of JSON, where users want that."""
        if self._log is not None:
            self._log(json.dumps(asked, ensure_ascii=False))


def _same(given: str, expected: str | None) -> bool:
    """Compared in a time that says nothing of how much is right."""
    told = given.encode("utf-8", "surrogateescape")
    return expected is not None and secrets.compare_digest(told, expected.encode())


def _error(status: int, message: str, retry_after: int | None = None) -> web.Response:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return web.json_response({"error": error(status, message)}, status=status, headers=headers)

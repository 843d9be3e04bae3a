"""The page on loopback: a link for each annotator, and no other way in.

The link holds a random token, new at every start, that stands for the annotator: there are no
log-ins. Requests must name this server as their host (so that no other site's name can be pointed
at it), and come from its own page. No header lets another site read an answer. What is sent is
JSON, bounded in size; an answer is committed before the reply that holds the next screen.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from teachback.annotation.answers import SERVED, AnswerStore, Revision, standing
from teachback.annotation.page import SCRIPT, SERVED_POLICY, STYLE, part, served_page
from teachback.annotation.plan import Plan
from teachback.annotation.screens import INTRODUCTION, is_answer, shown_screen
from teachback.errors import StoreError, UsageError
from teachback.system.event_loops import signalled
from teachback.system.loopback import LOOPBACK, own_hosts

MOST_BYTES = 64 * 1024
"""Of a request's body."""

MOST_NOTE = 2000
"""Characters of a note."""

_MOST_SECONDS = 24 * 3600.0

_HEADERS = {
    "Content-Security-Policy": SERVED_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Link:
    """Where an annotator finds the page."""

    annotator: str
    address: str


class AnnotationServer:
    """Serves a plan and stores what is answered. ``tokens``: token → annotator."""

    def __init__(self, plan: Plan, answers: AnswerStore) -> None:
        self._plan = plan
        self._answers = answers
        self._screens = {name: plan.of_annotator(name) for name in plan.settings.annotators}
        self._hosts: frozenset[str] = frozenset()
        self.tokens = {secrets.token_urlsafe(18): name for name in plan.settings.annotators}
        self._files = {
            "": (served_page(), "text/html"),
            SCRIPT: (part(SCRIPT), "text/javascript"),
            STYLE: (part(STYLE), "text/css"),
        }

    def application(self, port: int) -> web.Application:
        """The application, for this port of loopback."""
        self._hosts = own_hosts(port)
        app = web.Application(middlewares=[self._guard], client_max_size=MOST_BYTES)
        app.router.add_get("/{token}/state", self._state)
        app.router.add_post("/{token}/answer", self._answer)
        app.router.add_post("/{token}/undo", self._undo)
        app.router.add_get("/{token}/{file:(page\\.js|page\\.css|)}", self._file)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Refuse what does not come from the page itself; set the headers of every reply."""
        try:
            if request.host not in self._hosts:
                reply: web.StreamResponse = _said(
                    403, "this server answers only at its own address"
                )
            elif request.method == "POST" and not self._is_own(request):
                reply = _said(403, "answers are accepted from the page itself only")
            else:
                reply = await handler(request)
        except web.HTTPException as error:
            reply = _said(error.status, error.reason)
        except StoreError as error:
            reply = _said(500, f"Not saved: {error}")
        reply.headers.update(_HEADERS)
        return reply

    def _is_own(self, request: web.Request) -> bool:
        origin = request.headers.get("Origin")
        return request.content_type == "application/json" and (
            origin is None or origin in {f"http://{host}" for host in self._hosts}
        )

    def _annotator(self, request: web.Request) -> str:
        given = request.match_info["token"].encode()
        for token, annotator in self.tokens.items():
            if secrets.compare_digest(given, token.encode()):
                return annotator
        raise web.HTTPNotFound(reason="there is no such link: open the one that was printed")

    async def _file(self, request: web.Request) -> web.Response:
        self._annotator(request)
        text, kind = self._files[request.match_info["file"]]
        return web.Response(text=text, content_type=kind, charset="utf-8")

    async def _state(self, request: web.Request) -> web.Response:
        return self._state_of(self._annotator(request))

    async def _answer(self, request: web.Request) -> web.Response:
        annotator = self._annotator(request)
        body = await _body(request)
        name, answers, note = body.get("screen"), body.get("answers"), body.get("note", "")
        seconds = body.get("seconds", 0)
        screen = next((one for one in self._screens[annotator] if one.id == name), None)
        if screen is None or not isinstance(note, str) or not isinstance(answers, dict):
            return _said(400, "Not saved: this is not an answer to a screen of this page")
        if not is_answer(self._plan, screen, answers):
            return _said(400, "Not saved: an answer is missing, or is not one of the options")
        revisions = self._answers.revisions(annotator)
        if screen.id in standing(revisions):
            return _said(409, "this screen is answered already")
        self._put(annotator, revisions, screen.id, answers, note[:MOST_NOTE], _used(seconds))
        return self._state_of(annotator)

    async def _undo(self, request: web.Request) -> web.Response:
        annotator = self._annotator(request)
        await _body(request)
        revisions = self._answers.revisions(annotator)
        answered = list(standing(revisions).values())
        if not answered:
            return _said(409, "there is nothing to undo")
        self._put(annotator, revisions, answered[-1].screen, None, "", 0.0)
        return self._state_of(annotator, answered[-1])

    def _put(
        self,
        annotator: str,
        revisions: list[Revision],
        screen: str,
        answers: Mapping[str, str] | None,
        note: str,
        seconds: float,
    ) -> None:
        number = sum(one.source == SERVED for one in revisions) + 1
        made = datetime.now(UTC).isoformat(timespec="seconds")
        self._answers.put(
            [Revision(annotator, screen, answers, note, seconds, made, SERVED, number)]
        )

    def _state_of(self, annotator: str, before: Revision | None = None) -> web.Response:
        """Where an annotator stands; ``before``: the answer that was just taken back."""
        screens = self._screens[annotator]
        answered = standing(self._answers.revisions(annotator))
        wanted = None if before is None else before.screen
        screen = next(
            (
                one
                for one in screens
                if one.id == wanted or (wanted is None and one.id not in answered)
            ),
            None,
        )
        state: dict[str, Any] = {
            "screen": None if screen is None else shown_screen(self._plan, screen),
            "before": before and {"answers": dict(before.answers or {}), "note": before.note},
            "done": len(answered),
            "total": len(screens),
            "can_undo": bool(answered),
            "introduction": INTRODUCTION[self._plan.settings.mode],
        }
        return web.json_response(state)


def serve(
    plan: Plan, answers: AnswerStore, port: int, started: Callable[[list[Link]], None]
) -> None:
    """Serve on loopback until Ctrl-C or SIGTERM; ``started`` gets the links.

    ``port`` 0 takes a free one. Raises UsageError where the port is taken.
    """
    asyncio.run(_serve(plan, answers, port, started))


async def _serve(
    plan: Plan, answers: AnswerStore, port: int, started: Callable[[list[Link]], None]
) -> None:
    server = AnnotationServer(plan, answers)
    ended = signalled()
    try:
        listener = socket.create_server((LOOPBACK, port))
        port = listener.getsockname()[1]
        runner = web.AppRunner(server.application(port), access_log=None)
        await runner.setup()
        await web.SockSite(runner, listener).start()
    except OSError as error:
        raise UsageError(
            f"port {port} of 127.0.0.1 cannot be used ({error.strerror}): give a different --port"
        ) from error
    started([Link(n, f"http://127.0.0.1:{port}/{t}/") for t, n in server.tokens.items()])
    try:
        await ended.wait()
    finally:
        await runner.cleanup()


def _used(seconds: object) -> float:
    """The seconds that a browser says, within what can be."""
    if not isinstance(seconds, int | float) or not 0 <= seconds <= _MOST_SECONDS:
        return 0.0
    return float(seconds)


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        value = json.loads(await request.text())
    except (ValueError, RecursionError):
        raise web.HTTPBadRequest(reason="the body is not JSON") from None
    if not isinstance(value, dict):
        raise web.HTTPBadRequest(reason="the body is not a JSON object")
    return value


def _said(status: int, error: str) -> web.Response:
    return web.json_response({"error": error}, status=status)

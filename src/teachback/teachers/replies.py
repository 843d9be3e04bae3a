"""What the bodies and headers of an OpenAI-compatible server mean. Pure.

Servers differ: usage may be missing, a reasoning model's thinking part comes in a field
of its own, or stays in the text, errors come in several shapes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from teachback.costs.tokens import checked, count
from teachback.records import Completion
from teachback.teachers.bodies import NotJson, data_of
from teachback.teachers.finish import Ending, NotEnded, ending
from teachback.teachers.markers import split_thinking
from teachback.teachers.prompts import Form

_LONGEST_ERROR = 200
_LONGEST_WAIT = 1e9  # seconds: 32 years


class BadBody(Exception):
    """The body of a successful response is not a reply. ``is_json``: it is JSON all the same."""

    def __init__(self, what: str, *, is_json: bool = True) -> None:
        super().__init__(what)
        self.is_json = is_json


def completion_of(body: str, form: Form, seconds: float) -> Completion:
    """The completion in the body of a successful response.

    An empty message that ended by itself is an empty completion. The text is as it came; thinking
    in a field of its own is kept apart from it.

    Raises:
        BadBody: Not JSON, no choices, no message, or the server says that it failed.
    """
    try:
        data = data_of(body)
    except NotJson as error:
        raise BadBody(str(error), is_json=False) from None
    data = data if isinstance(data, dict) else {}
    choices = data.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise BadBody(f"the reply has no choices: {error_of(body)}")
    choice = choices[0]
    for failure in (choice.get("error"), data.get("error")):
        if any(failure.values()) if isinstance(failure, dict) else failure:
            raise BadBody(f"the server failed: {error_of(json.dumps({'error': failure}))}")
    if form == "text":
        message: object = {"content": choice.get("text")} if "text" in choice else None
    else:
        message = choice.get("message")
    if not isinstance(message, dict):
        raise BadBody("the choice has no message")
    content = message.get("content")
    text = _plain(content)
    thinking = _thinking(message) or _thought(content)
    finish: Ending
    refusal = _plain(message.get("refusal"))
    if refusal:
        text, finish = refusal, "refused"
    else:
        try:
            finish = ending(
                choice.get("finish_reason"),
                choice.get("native_finish_reason"),
                text=bool(split_thinking(text)[0].strip()),
            )
        except NotEnded as error:
            raise BadBody(str(error)) from None
    tokens_in, tokens_out, tokens_cached = _usage(data.get("usage"))
    completion = Completion(
        text=text,
        finish_reason=finish,
        thinking=thinking or None,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        tokens_cached=tokens_cached,
        seconds=seconds,
    )
    return checked(completion)


def error_of(body: str) -> str:
    """The server's own words in an error body, on one line and shortened."""
    message: object = body
    error = _error(body)
    if isinstance(error, dict):
        message = error.get("message") or error
    elif error is not None:
        message = error
    return shortened(str(message)) or "an empty body"


def error_code_of(body: str) -> str | None:
    """The code in an error body (``insufficient_quota``, ``content_filter``), if any."""
    error = _error(body)
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) else None


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """How many seconds the server asks to wait: ``retry-after-ms``, else ``Retry-After`` in
    seconds or as an HTTP date (RFC 9110, 10.2.3). None where it says nothing sensible."""
    seconds = _seconds(headers.get("retry-after-ms", ""), 1000)
    if seconds is None:
        said = headers.get("retry-after", "")
        seconds = _seconds(said, 1)
        if seconds is None:
            seconds = _seconds_until(said, now or datetime.now(UTC))
    return None if seconds is None else max(0.0, seconds)


def _seconds(text: str, unit: float) -> float | None:
    """The number in a header, in so many parts of a second; None where it is none, or no wait
    that anybody could mean."""
    try:
        seconds = float(text) / unit
    except ValueError:
        return None
    return seconds if abs(seconds) <= _LONGEST_WAIT else None


def _seconds_until(text: str, now: datetime) -> float | None:
    """The seconds until an HTTP date; None where it is none, or too far away."""
    try:
        until = parsedate_to_datetime(text)
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        seconds = (until - now).total_seconds()
    # Of its parser's; a date beyond the calendar overflows.
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return seconds if abs(seconds) <= _LONGEST_WAIT else None


def shortened(text: str) -> str:
    """On one line, at most 200 characters."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_ERROR else f"{line[: _LONGEST_ERROR - 1]}…"


def _error(body: str) -> object:
    """The ``error`` (or ``detail``, ``message``) of a JSON body, None if there is none."""
    try:
        data: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    return data.get("error") or data.get("detail") or data.get("message")


def _plain(content: Any) -> str:
    """The text of a message's content, which may be missing or come in parts."""
    if isinstance(content, list):
        parts = (
            part if isinstance(part, str) else part.get("text") if isinstance(part, dict) else None
            for part in content
        )
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _thinking(message: dict[str, Any]) -> str:
    """The thinking part in a field of its own, by the names that servers give it."""
    return _plain(message.get("reasoning_content") or message.get("reasoning"))


def _thought(content: Any) -> str:
    """The thinking parts of a content that comes in parts."""
    parts = (
        [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    )
    return "".join(_plain(part.get("thinking") or part.get("reasoning")) for part in parts)


def _usage(usage: object) -> tuple[int | None, int | None, int | None]:
    """The tokens in, out and cached, as far as the server counts them and its counts agree."""

    def counted(name: str, within: object = usage) -> int | None:
        return count(within.get(name)) if isinstance(within, dict) else None

    def detail(group: str, name: str) -> int | None:
        return counted(name, usage.get(group) if isinstance(usage, dict) else None)

    used_in, used_out, total = map(counted, ("prompt_tokens", "completion_tokens", "total_tokens"))
    reasoning = detail("completion_tokens_details", "reasoning_tokens")
    if total is not None and (used_in or 0) + (used_out or 0) > total:
        used_in = used_out = None
    if reasoning is not None and reasoning > (used_out or 0):  # some servers count it apart
        used_out = None
    return used_in, used_out, detail("prompt_tokens_details", "cached_tokens")

"""What the bodies and headers of an OpenAI-compatible server mean. Pure.

Servers differ: usage may be missing, a reasoning model's thinking part comes in a field
of its own or before ``</think>`` in the text, errors come in several shapes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from teachback.records import Completion
from teachback.teachers.bodies import NotJson, data_of
from teachback.teachers.finish import Ending, NotEnded, ending
from teachback.teachers.markers import split_thinking
from teachback.teachers.prompts import Form

_LONGEST_ERROR = 200


class BadBody(Exception):
    """The body of a successful response is not a reply. ``is_json``: it is JSON all the same."""

    def __init__(self, what: str, *, is_json: bool = True) -> None:
        super().__init__(what)
        self.is_json = is_json


def completion_of(body: str, form: Form, seconds: float) -> Completion:
    """The completion in the body of a successful response.

    An empty message that ended by itself is an empty completion; the thinking part is kept apart
    from the text.

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
    text, thinking = split_thinking(_plain(content))
    thinking = _thinking(message) or _thought(content) or thinking
    finish: Ending
    refusal = _plain(message.get("refusal"))
    if refusal:
        text, finish = refusal, "refused"
    else:
        try:
            finish = ending(
                choice.get("finish_reason"),
                choice.get("native_finish_reason"),
                text=bool(text.strip()),
            )
        except NotEnded as error:
            raise BadBody(str(error)) from None
    usage = data.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    details = usage.get("prompt_tokens_details")
    return Completion(
        text=text,
        finish_reason=finish,
        thinking=thinking or None,
        tokens_in=_count(usage.get("prompt_tokens")),
        tokens_out=_count(usage.get("completion_tokens")),
        tokens_cached=_count(details.get("cached_tokens")) if isinstance(details, dict) else None,
        seconds=seconds,
    )


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
    try:
        if "retry-after-ms" in headers:
            seconds = float(headers["retry-after-ms"]) / 1000
        else:
            seconds = float(headers["retry-after"])
    except KeyError:
        return None
    except ValueError:
        try:
            until = parsedate_to_datetime(headers.get("retry-after", ""))
        except ValueError:
            return None
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        seconds = (until - (now or datetime.now(UTC))).total_seconds()
    return max(0.0, seconds) if seconds < float("inf") else None


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


def _count(value: object) -> int | None:
    """A count of tokens, which some servers write as ``100.0`` or ``"100"``."""
    try:
        number = float(value) if isinstance(value, int | float | str) else -1.0
    except (ValueError, OverflowError):
        return None
    counts = number >= 0 and number.is_integer() and not isinstance(value, bool)
    return int(number) if counts else None

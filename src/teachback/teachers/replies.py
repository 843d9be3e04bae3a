"""What the bodies and headers of an OpenAI-compatible server mean. Pure.

Servers differ: usage may be missing, a reasoning model's thinking part comes in a field
of its own or before ``</think>`` in the text, errors come in several shapes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from teachback.records import Completion
from teachback.teachers.prompts import Form

_LONGEST_ERROR = 200

_FINISH: dict[object, Literal["length", "refused"]] = {
    "length": "length",
    "max_tokens": "length",
    "content_filter": "refused",
}
"""Anything else (stop, eos, null, a stop sequence) is a reply that ended by itself."""


class BadBody(Exception):
    """The body of a successful response is not a reply."""


def completion_of(body: str, form: Form, seconds: float) -> Completion:
    """The completion in the body of a successful response.

    An empty message is an empty completion; the thinking part is kept apart from the text.

    Raises:
        BadBody: Not JSON, no choices, or no message.
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise BadBody("the body is not JSON") from None
    choices = data.get("choices") if isinstance(data, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise BadBody(f"the reply has no choices: {error_of(body)}")
    choice = choices[0]
    finish: Literal["stop", "length", "refused"] = _FINISH.get(choice.get("finish_reason"), "stop")
    if form == "text":
        message: object = {"content": choice.get("text")} if "text" in choice else None
    else:
        message = choice.get("message")
    if not isinstance(message, dict):
        raise BadBody("the choice has no message")
    text, thinking = split_thinking(_plain(message.get("content")))
    thinking = _plain(message.get("reasoning_content") or message.get("reasoning")) or thinking
    refusal = _plain(message.get("refusal"))
    if refusal:
        text, finish = refusal, "refused"
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


def split_thinking(text: str) -> tuple[str, str | None]:
    """``(text, thinking)`` of a reply that may begin with ``<think>…</think>``.

    Some chat templates write the opening mark into the prompt, so that the reply holds
    the closing one alone. Thinking that was cut off leaves no text.
    """
    opened = text.lstrip().startswith("<think>")
    thinking, closed, rest = text.partition("</think>")
    if not opened and not closed:
        return text, None
    thinking = thinking.lstrip().removeprefix("<think>").strip()
    return (rest.lstrip() if closed else ""), thinking or None


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
        parts = (part.get("text") for part in content if isinstance(part, dict))
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None

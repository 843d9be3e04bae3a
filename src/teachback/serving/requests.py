"""What the body of a request may hold, and what is said where it does not."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

MOST_BYTES = 256 * 1024
"""Of a request's body."""

MOST_CHOICES = 26
"""Choices are lettered A to Z."""


class Refusal(Exception):
    """A request that is refused: an HTTP status, and one line for the client."""

    def __init__(self, status: int, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        """Seconds."""


Text = Annotated[str, Field(strict=True)]
Filled = Annotated[str, Field(strict=True, min_length=1, pattern=r"\S")]
Count = Annotated[int, Field(strict=True, ge=1)]


class AnswerRequest(BaseModel):
    """The body of ``POST /v1/answer``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    question: Filled
    choices: list[Filled] = Field(default_factory=list, max_length=MOST_CHOICES)
    context: str | None = None
    explain: bool = False
    way: Literal["direct", "explained", "chosen", "adaptive"] = "chosen"


class TextPart(BaseModel):
    """One part of a message's content."""

    type: Literal["text"]
    text: Text


class ChatMessage(BaseModel):
    """One message of a conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | list[TextPart]

    def text(self) -> str:
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content)


class StreamOptions(BaseModel):
    """What a stream tells besides the text."""

    include_usage: bool = False


class CompletionOptions(BaseModel):
    """What both of OpenAI's endpoints take. Unknown keys are passed over, as its servers do;
    ``temperature`` and the like too: a student decodes greedily."""

    model: str | None = None
    stop: str | list[str] | None = None
    stream: Annotated[bool, Field(strict=True)] = False
    stream_options: StreamOptions | None = None
    n: Annotated[int, Field(strict=True)] = 1

    def stops(self) -> list[str]:
        stops = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return [stop for stop in stops if stop]


class ChatRequest(CompletionOptions):
    """The body of ``POST /v1/chat/completions``."""

    messages: list[ChatMessage] = Field(min_length=1)
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    logprobs: Annotated[bool, Field(strict=True)] = False
    top_logprobs: int | None = Field(default=None, ge=0, le=20)

    def limit(self, most: int) -> int:
        """How many tokens may be written, of ``most``."""
        wanted = self.max_completion_tokens or self.max_tokens
        return most if wanted is None else min(wanted, most)


class CompletionRequest(CompletionOptions):
    """The body of ``POST /v1/completions``; a prompt is a text or token ids."""

    prompt: Text | list[Annotated[int, Field(strict=True)]] | list[Text] | list[list[int]]
    max_tokens: Annotated[int, Field(strict=True, ge=0)] | None = 16
    logprobs: Annotated[int, Field(strict=True, ge=0, le=5)] | None = None
    echo: Annotated[bool, Field(strict=True)] = False

    def limit(self, most: int) -> int:
        """How many tokens may be written, of ``most``."""
        return min(16 if self.max_tokens is None else self.max_tokens, most)


class TypedQuestion(BaseModel):
    """One typed question of ``/v1/systemone``. A ``choice`` has options with descriptions or
    none; a ``noul`` is a yes-no question."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["choice", "noul"]
    instructions: Filled
    criteria: dict[str, str | None] | None = None


class DecisionRequest(BaseModel):
    """The body of ``POST /v1/systemone``."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = None
    state: Text | dict[str, Any] | list[Any]
    questions: dict[str, TypedQuestion] = Field(min_length=1, max_length=64)


_Body = TypeVar("_Body", bound=BaseModel)


def read_body(text: bytes, form: type[_Body]) -> _Body:
    """The body as ``form``. Raises Refusal (400: no JSON; 422: not what is asked for)."""
    try:
        value: Any = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Refusal(400, "the body is not JSON in UTF-8") from None
    if not isinstance(value, dict):
        raise Refusal(400, "the body must be a JSON object")
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise Refusal(
            422, "a text contains half of a surrogate pair, which is not valid Unicode"
        ) from None
    try:
        return form.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])[:80]
        raise Refusal(422, f"{place or 'the body'}: {first['msg']}"[:300]) from None

"""What a response of an OpenAI-compatible server comes to: a reply, trouble, a refusal, the end."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from teachback.errors import TeacherError
from teachback.records import Completion
from teachback.teachers.accepted import refuses_system
from teachback.teachers.bodies import text_of
from teachback.teachers.http import Response
from teachback.teachers.prompts import Form
from teachback.teachers.redaction import Redaction
from teachback.teachers.replies import (
    BadBody,
    completion_of,
    error_code_of,
    error_of,
    retry_after,
    shortened,
)

_HOPELESS_STATUS = frozenset((401, 402, 403, 404, 405))
_UNBILLED = frozenset((500, 501, 503, 529))
_BILLED_CODES = frozenset(("content_filter", "context_length_exceeded"))
_HOPELESS_CODES = frozenset(("insufficient_quota", "invalid_api_key", "model_not_found"))


class Trouble(Exception):
    """One attempt failed and another may succeed."""

    def __init__(self, what: str, *, wait: float | None = None, body: bool = False) -> None:
        super().__init__(what)
        self.wait = wait
        self.body = body


class Refused(Exception):
    """The server says no to a request, in these words and with this body."""

    def __init__(self, what: str, body: str) -> None:
        super().__init__(what)
        self.body = body


@dataclass(frozen=True, slots=True)
class ResponseReader:
    """Reads the responses of one server. ``address`` and ``path``: where it is asked; ``patience``:
    the longest wait, in seconds, that it may ask for.
    """

    model: str
    address: str
    path: str
    form: Form
    redacted: Redaction
    patience: float

    def read(self, response: Response, seconds: float) -> Completion:
        """What a response comes to. Raises `Trouble` or `TeacherError`."""
        status = response.status
        body = self._text(response)
        if 200 <= status < 300:
            try:
                return completion_of(body, self.form, seconds)
            except BadBody as error:
                content_type = response.headers.get("content-type", "no content type")
                what = str(error) if error.is_json else f"{error} ({self.named(content_type)})"
                raise Trouble(what, body=True) from None
        what = f"HTTP {status}: {error_of(body)}"
        code = error_code_of(body)
        if 300 <= status < 400:
            to = self.named(response.headers.get("location", "another address"))
            raise self.hopeless(f"HTTP {status}: it redirects to {to}: name that address instead")
        if status in _HOPELESS_STATUS or code in _HOPELESS_CODES:
            wrong_path = status in (404, 405) and code not in _HOPELESS_CODES
            raise self.hopeless(what + (self._path_hint(what) if wrong_path else ""))
        if status == 500 and refuses_system(body):  # a chat template's own error
            raise Refused(what, body)
        if status in (408, 429) or status >= 500:
            wait = retry_after(response.headers)
            if wait is not None and wait > self.patience:
                raise self.hopeless(f"{what}; it asks us to wait {wait:.0f} seconds")
            raise Trouble(what, wait=wait)
        if code == "content_filter":  # how Azure says that the prompt was filtered
            return Completion("", "refused", seconds=seconds)
        raise Refused(what, body)

    def may_be_billed(self, response: Response) -> bool:
        """Replies are; a gateway's error (502, 504, …) may hide a reply. So are, at Azure, a prompt
        that was filtered or is too long, and one that took too long (408). Other refusals and a
        server's own errors are not."""
        status = response.status
        if 200 <= status < 300 or status == 408:
            return True
        if status >= 500:
            return status not in _UNBILLED
        return error_code_of(self._text(response)) in _BILLED_CODES

    def _text(self, response: Response) -> str:
        # Before anything is cut: half a key would not be recognised.
        content_type = response.headers.get("content-type", "no content type")
        return self.redacted(text_of(response.body, content_type))

    def _path_hint(self, what: str) -> str:
        """What to write where the server may know no such path. It may mean the model, too."""
        parts = urlsplit(self.address)
        path = parts.path.rstrip("/")
        asked = parts._replace(path=path + self.path).geturl()
        if "model" in what.casefold().replace(self.model.casefold(), ""):
            return f" (asked: {asked})"
        better = parts._replace(path=f"{path}/v1").geturl()
        end = f"does it end in /v1, as in openai:{self.model}@{better}?"
        if path.endswith("/v1"):
            end = f"it must end before {self.path}"
        return f" (asked: {asked}; check the address: {end})"

    def hopeless(self, what: str) -> TeacherError:
        """The error that ends the run."""
        return TeacherError(f"teacher {self.model} at {self.address}: {what}")

    def named(self, text: str) -> str:
        """A server's own words outside a body, for a message."""
        return shortened(self.redacted(text))

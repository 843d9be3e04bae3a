"""Any server that speaks OpenAI's protocol: OpenAI, vLLM, llama.cpp, Ollama, hosted.

One attempt at a request ends in one of four ways: a reply; trouble of the server (429,
5xx, a time-out, a broken connection), which lowers the number of requests in flight and
is tried again after a jittered, growing wait; a body that is no reply, which is tried
again a few times; or the server's no to this one request: where it refuses a form of asking,
another is tried (`accepted`), else it is a failed completion at once.
What cannot succeed for any request (no key, no such model, a server that is gone) raises
`TeacherError`. What the bodies mean is in `replies`.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from teachback.errors import ReferenceError_, TeacherError
from teachback.formatting import count
from teachback.records import Completion, KeyHeader, Message, Request, Sampling
from teachback.teachers.accepted import Accepted
from teachback.teachers.http import NoResponse
from teachback.teachers.openai_address import PATHS, find_key, line_to, without_path
from teachback.teachers.openai_responses import Refused, ResponseReader, Trouble
from teachback.teachers.pressure import Pressure
from teachback.teachers.prompts import Form
from teachback.teachers.protocol import Attempt, Teacher
from teachback.teachers.redaction import Redaction

OFFICIAL_URL = "https://api.openai.com/v1"

_DEFAULT_CONCURRENCY = 64
_BODY_ATTEMPTS = 3  # a body that is no reply was paid for; do not pay often
_FIRST_CONTACT_ATTEMPTS = 4  # a server that never answered is rather mistyped than busy
_GIVE_UPS = 10  # requests given up in a row before the server counts as gone
_REFUSALS = 50  # requests refused (4xx) before any succeeded
_CONNECT_SECONDS = 15.0  # a server that is not there shows soon
_SHARED_KNOWN = 8  # few-shot parts whose JSON is remembered: one of each kind is usual


class OpenAITeacher(Teacher):
    """A model behind ``/chat/completions``, or ``/completions`` where ``form`` is text.

    ``model`` is the model's name alone, without the server, so that a store stays valid
    when the same model moves to another port.

    Args:
        model: As the server knows it.
        base_url: Up to and including ``/v1``; OpenAI's own by default. The path that follows it
            may be there too, and is taken off.
        form: Chat or plain completions.
        concurrency: Upper bound on requests in flight (64); the level is found below it.
        timeout: Seconds for one attempt, from asking to the last byte.
        max_reply_mb: The longest body of a response, decompressed, in megabytes.
        attempts: At one request, the first included.
        first_wait: Seconds before the second attempt; doubles each time, up to
            ``longest_wait``, times a random factor between 0.5 and 1.
        patience: The longest ``Retry-After`` obeyed, and the longest time of asking without
            a single success, in seconds, before the run stops.
        api_key: The key itself; otherwise ``api_key_file``, ``OPENAI_API_KEY`` or the
            file named by ``OPENAI_API_KEY_FILE``, the first that is there.

    Raises:
        ReferenceError_: An address or key that cannot work; nothing was sent.
    """

    meters_itself = True

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        form: Form = "chat",
        concurrency: int | None = None,
        timeout: float = 120.0,
        max_reply_mb: int = 8,
        attempts: int = 8,
        first_wait: float = 0.5,
        longest_wait: float = 30.0,
        patience: float = 600.0,
        api_key: str | None = None,
        api_key_file: str | Path | None = None,
        key_header: KeyHeader = "authorization",
    ) -> None:
        self.model = model
        self.form = form
        self.concurrency = concurrency or _DEFAULT_CONCURRENCY
        self._official = base_url is None
        self._key = api_key or find_key(api_key_file)
        if any(not "!" <= character <= "~" for character in self._key):
            raise ReferenceError_("the API key contains characters that no key has: set it again")
        self._path = PATHS[form]
        connect_seconds = min(timeout, _CONNECT_SECONDS)
        base = without_path(base_url or OFFICIAL_URL)
        self._path_was_given = base_url is not None and base != base_url
        self._line = line_to(
            base,
            self._path,
            self._key,
            key_header,
            connect_seconds=connect_seconds,
            most_bytes=max_reply_mb * 1_000_000,
        )
        self._redacted = Redaction((self._key, *self._line.secrets))
        self.address = self._line.address  # what messages may show
        self._reader = ResponseReader(
            model, self.address, self._path, form, self._redacted, patience
        )
        self._timeout = timeout
        self._attempts = attempts
        self._first_wait, self._longest_wait = first_wait, longest_wait
        self._patience = patience
        self._pressure = Pressure(self.concurrency)
        self._shared: dict[tuple[int, int], tuple[object, object, str]] = {}
        # OpenAI's newer models refuse max_tokens; most other servers know nothing else.
        official = self._official and form == "chat"
        self._accepted = Accepted("max_completion_tokens" if official else "max_tokens")
        self._answered = False  # by any HTTP response at all
        self._succeeded = False
        self._refusals = 0
        self._give_ups = 0  # in a row
        self._failing_since: float | None = None
        self._being_asked = 0  # requests, between their attempts too
        self._idle_since = 0.0

    def check_ready(self) -> None:
        """Raises ReferenceError_ where the official server would be asked without a key."""
        if self._official and not self._key:
            model = self.model
            raise ReferenceError_(
                f"openai:{model} needs a key: set OPENAI_API_KEY, or name a server of your own as "
                f"openai:{model}@http://host/v1"
            )

    async def complete(self, request: Request) -> Completion:
        """Ask, patiently. Raises `TeacherError` where no request can succeed any longer.

        No key or password leaves here that the server repeats, to be stored or printed.
        """
        self.check_ready()
        if self._path_was_given:
            self._path_was_given = False
            self._say(f"the address must end before {self._path}: that part is left out")
        self._begin()
        try:
            reply = await self._ask(request)
        except TeacherError as error:
            raise TeacherError(self._redacted(str(error))) from None
        finally:
            self._being_asked -= 1
            self._idle_since = time.monotonic()
        thinking, failure = reply.thinking, reply.error
        return replace(
            reply,
            text=self._redacted(reply.text),
            thinking=None if thinking is None else self._redacted(thinking),
            error=None if failure is None else self._redacted(failure),
        )

    def _begin(self) -> None:
        """One more is asked. A server that nobody asked meanwhile has not been failing so long."""
        if not self._being_asked:
            idle = time.monotonic() - self._idle_since
            if idle > min(self._longest_wait, self._patience):
                self._failing_since = None
        self._being_asked += 1

    async def _ask(self, request: Request) -> Completion:
        body_attempts = 0
        attempt = 0
        while True:
            changes = self._accepted.changes
            try:
                reply = await self._attempt(request, self._body(request))
            except Refused as refused:
                # While it was on its way, another's refusal may have taught us something.
                if changes == self._accepted.changes and not self._learnt(refused, request):
                    return self._refuse(refused)
            except Trouble as trouble:
                attempt += 1
                body_attempts += trouble.body
                most = self._attempts
                if not self._answered:
                    most = min(most, _FIRST_CONTACT_ATTEMPTS)
                if attempt >= most or body_attempts >= _BODY_ATTEMPTS:
                    return self._give_up(trouble, attempt)
                self._check_patience(trouble)
                # Where the server named a time, the shared pause goes on meanwhile: the
                # longer of the two counts, and the jitter parts those who paused together.
                longest = min(self._longest_wait, self._first_wait * 2 ** (attempt - 1))
                await asyncio.sleep(longest * random.uniform(0.5, 1.0))
            else:
                if reply.finish_reason != "failed":
                    self._succeeded = True
                    self._give_ups, self._failing_since = 0, None
                text = self._accepted.cut(reply.text, request.sampling)
                return reply if text == reply.text else replace(reply, text=text)

    async def aclose(self) -> None:
        """Close the connections. A later ``complete`` opens new ones."""
        await self._line.aclose()

    async def _attempt(self, request: Request, content: bytes) -> Completion:
        """Send once. Raises `Trouble`, `TeacherError` or what the meter raises."""
        await self._pressure.enter()
        try:
            async with self.meter.attempt(request) if self.meter else nullcontext(Attempt()) as it:
                return await self._send(content, it)
        finally:
            self._pressure.leave()

    async def _send(self, content: bytes, attempt: Attempt) -> Completion:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._line.post(content)
            self._answered = True
            attempt.billed = self._reader.may_be_billed(response)
            reply = self._reader.read(response, time.monotonic() - began)
            self._pressure.went_well()
        except TimeoutError:
            self._pressure.trouble(began)
            raise Trouble(f"no reply within {self._timeout:g} seconds") from None
        except NoResponse as error:
            if error.unusable:
                raise Trouble(str(error), body=True) from None
            self._pressure.trouble(began)
            attempt.billed = error.sent
            raise Trouble(f"connection: {self._reader.named(str(error))}") from None
        except Trouble as trouble:
            if not trouble.body:
                self._pressure.trouble(began)
            if trouble.wait is not None:
                self._pressure.pause(trouble.wait)
            raise
        return reply

    def _learnt(self, refused: Refused, request: Request) -> bool:
        """Whether requests are sent in another form from now on."""
        learnt = self._accepted.learn(refused.body, request)
        if learnt is None:
            return False
        self._shared.clear()
        self.changes = (*self.changes, learnt)
        self._say(learnt)
        return True

    def _say(self, what: str) -> None:
        self.notice(f"teacher {self.model} at {self.address}: {what}")

    def _refuse(self, refused: Refused) -> Completion:
        """A request that the server does not take: failed; the run too, if it takes none."""
        self._refusals += 1
        if not self._succeeded and self._refusals >= _REFUSALS:
            raise self._reader.hopeless(
                f"it refused {self._refusals} requests and accepted none; last: {refused}"
            )
        return Completion(text="", finish_reason="failed", error=str(refused))

    def _give_up(self, trouble: Trouble, attempts: int) -> Completion:
        """A request that had all its attempts: failed; the run too, if that is the rule."""
        self._give_ups += 1
        if not self._answered:
            raise self._reader.hopeless(f"it cannot be reached: {trouble}")
        if self._give_ups >= _GIVE_UPS:
            raise self._reader.hopeless(
                f"{self._give_ups} requests in a row got no reply; last: {trouble}"
            )
        error = f"no reply in {count(attempts, 'attempt')}; last: {trouble}"
        return Completion(text="", finish_reason="failed", error=error)

    def _check_patience(self, trouble: Trouble) -> None:
        """Stop when nothing at all has succeeded for long, whatever is still being tried."""
        now = time.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        elif now - self._failing_since > self._patience:
            seconds = now - self._failing_since
            raise self._reader.hopeless(
                f"nothing succeeded for {seconds:.0f} seconds; last: {trouble}"
            )

    def _body(self, request: Request) -> bytes:
        """The request as JSON in ASCII; what the requests of a run share is rendered once."""
        known = (id(request.prefix), id(request.sampling))
        prefix, messages = self._accepted.turns(request)
        found = self._shared.get(known)
        if found is None:
            if len(self._shared) >= _SHARED_KNOWN:
                self._shared.clear()
            # With the objects themselves, so that no other ones get their identity.
            found = (request.prefix, request.sampling, self._opening(prefix, request.sampling))
            self._shared[known] = found
        own = _rendered(messages, self.form)
        if self.form == "text":
            return f'{found[2]}{own}"}}'.encode("ascii")
        comma = ", " if prefix and messages else ""
        return f"{found[2]}{comma}{own}]}}".encode("ascii")

    def _opening(self, prefix: tuple[Message, ...], sampling: Sampling) -> str:
        """The body up to the example's own messages, which are its end."""
        body = {"model": self.model, **self._accepted.settings(sampling)}
        settings = json.dumps(body).removesuffix("}")
        name = '"messages": [' if self.form == "chat" else '"prompt": "'
        return f"{settings}, {name}{_rendered(prefix, self.form)}"


def _rendered(messages: tuple[Message, ...], form: Form) -> str:
    """Turns as JSON between commas; in the text form their texts, escaped for one JSON string."""
    if form == "text":
        return json.dumps("".join(message.content for message in messages))[1:-1]
    turns = (
        {"role": "user" if message.role == "text" else message.role, "content": message.content}
        for message in messages
    )
    return ", ".join(map(json.dumps, turns))

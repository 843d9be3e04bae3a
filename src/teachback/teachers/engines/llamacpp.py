"""A GGUF file in llama.cpp, through xllamacpp: every architecture, one reply at a time.

llama.cpp keeps the last prompt's keys and values and computes only what differs from it, so
the few-shot part, which stands first, is read once.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from teachback.records import Completion
from teachback.system.machine import cores
from teachback.teachers.engines import Ask, UnreadableError
from teachback.teachers.prompts import Form
from teachback.teachers.replies import BadBody, completion_of, shortened

_CONTEXT = 8192
"""Tokens of prompt and reply together that a request may take."""


class LlamaCppEngine:
    """Raises UnreadableError where llama.cpp cannot load the file."""

    def __init__(self, file: Path, slots: int = 1, threads: int | None = None) -> None:
        import xllamacpp

        self.slots = slots
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(file)
        parameters.n_ctx = _CONTEXT * slots
        parameters.n_parallel = slots
        parameters.verbosity = -1
        parameters.cpuparams.n_threads = threads or cores()
        try:
            self._server: Any = xllamacpp.Server(parameters)
        except Exception as error:  # of the binding's own making
            raise UnreadableError(shortened(str(error)) or "llama.cpp cannot load it") from error
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix="llama.cpp")

    def complete(self, ask: Ask) -> Future[Completion]:
        return self._pool.submit(self._complete, ask)

    def close(self) -> None:
        # What llama.cpp is writing it writes to its end.
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._server = None

    def _complete(self, ask: Ask) -> Completion:
        began = time.monotonic()
        sampling = ask.sampling
        body: dict[str, Any] = {
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": ask.seed,
            "stop": list(sampling.stop),
            "cache_prompt": True,
        }
        form: Form = "text" if ask.messages[0].role == "text" else "chat"
        try:
            if form == "text":
                body["prompt"] = "".join(message.content for message in ask.messages)
                reply = self._server.handle_completions(body)
            else:
                body["messages"] = [{"role": m.role, "content": m.content} for m in ask.messages]
                reply = self._server.handle_chat_completions(body)
        except (RuntimeError, ValueError) as error:
            return _failed(str(error))
        try:
            return completion_of(json.dumps(reply), form, time.monotonic() - began)
        except BadBody as error:
            return _failed(str(error))


def _failed(why: str) -> Completion:
    return Completion(text="", finish_reason="failed", error=shortened(why))

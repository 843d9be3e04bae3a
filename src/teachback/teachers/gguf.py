"""A teacher in this process: a GGUF file, no server to start, no key."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from teachback.errors import ReferenceError_, TeacherError
from teachback.files import sha256_of
from teachback.modelfiles.header import read_gguf_header, require_whole
from teachback.records import Completion, Message, Request
from teachback.references import expanded
from teachback.teachers.engines import Ask, EngineName, TeacherEngine, UnreadableError, installed
from teachback.teachers.prompts import Form
from teachback.teachers.protocol import Teacher
from teachback.teachers.replies import shortened

_SLOTS: dict[EngineName, int] = {"openvino": 8, "llama.cpp": 1}
"""Requests at once, as measured on two cores; see `engines`."""


class GgufTeacher(Teacher):
    """The model in a GGUF file, run by the faster engine that is installed and can.

    ``model`` is the file's name and the first eight hexadecimal digits of its SHA-256
    (``qwen2.5-coder-1.5b-instruct@cc324af0``), so that a store never mixes two files. The
    engine is no part of it: the same weights, rounded a little differently. The model is
    loaded when the first request comes; the first request of each few-shot part runs alone,
    so that the others find that part computed.

    Args:
        file: The GGUF file.
        form: Chat (the file's own chat template), or text for a base model.
        concurrency: Upper bound on requests worked at together.
        engine: Which to take, instead of the faster one.
        slots: Requests that the engine works at together, instead of the measured best.
        sha256: Of the file, where it is known already.

    Raises:
        ReferenceError_: There is no such file, or it is not a whole GGUF file.
        MissingExtraError: No engine is installed that runs it.
    """

    free = True

    def __init__(
        self,
        file: str | Path,
        *,
        form: Form = "chat",
        concurrency: int | None = None,
        engine: EngineName | None = None,
        slots: int | None = None,
        sha256: str | None = None,
    ) -> None:
        self._file = expanded(str(file))
        header = read_gguf_header(self._file)
        require_whole(self._file)
        self._engines = [engine] if engine else installed(header.architecture)
        self.model = f"{self._file.stem}@{(sha256 or sha256_of(self._file))[:8]}"
        self.form = form
        self._slots = slots or _SLOTS[self._engines[0]]
        self.concurrency = min(concurrency or self._slots, self._slots)
        self._engine: TeacherEngine | None = None
        self._opening: asyncio.Lock | None = None
        self._primed: dict[tuple[Message, ...], asyncio.Event] = {}

    async def complete(self, request: Request) -> Completion:
        """Reply. Raises `TeacherError` where the model cannot be loaded or broke down."""
        first = self._primed.get(request.prefix)
        if first is not None:
            await first.wait()
            return await self._complete(request)
        primed = self._primed[request.prefix] = asyncio.Event()
        try:
            return await self._complete(request)
        finally:
            primed.set()

    async def aclose(self) -> None:
        """Free the model. A later ``complete`` loads it again."""
        engine, self._engine, self._opening = self._engine, None, None
        self._primed.clear()
        if engine is not None:
            await asyncio.to_thread(engine.close)

    async def _complete(self, request: Request) -> Completion:
        engine = await self._opened()
        seed = random.Random(f"{request.example_id} {request.sample}").getrandbits(31)
        ask = Ask((*request.prefix, *request.messages), request.sampling, seed)
        try:
            return await asyncio.wrap_future(engine.complete(ask))
        except Exception as error:
            what = shortened(str(error)) or type(error).__name__
            raise TeacherError(f"teacher {self.model}: {what}") from error

    async def _opened(self) -> TeacherEngine:
        self._opening = self._opening or asyncio.Lock()
        async with self._opening:
            if self._engine is None:
                self._engine = await asyncio.to_thread(self._load)
        return self._engine

    def _load(self) -> TeacherEngine:
        """The first engine that takes the file."""
        reasons = []
        for name in self._engines:
            try:
                if name == "openvino":
                    from teachback.teachers.engines.openvino import OpenVinoEngine

                    return OpenVinoEngine(self._file, self._slots)
                from teachback.teachers.engines.llamacpp import LlamaCppEngine

                return LlamaCppEngine(self._file, self._slots if len(self._engines) == 1 else 1)
            except UnreadableError as error:
                reasons.append(f"{name}: {error}")
        raise ReferenceError_(f"{self._file} cannot be run ({'; '.join(reasons)})")

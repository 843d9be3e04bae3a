"""A GGUF file in OpenVINO GenAI: continuous batching on a CPU, shared prefixes computed once."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from teachback.records import Completion
from teachback.system.telemetry import no_telemetry
from teachback.teachers.engines import Ask, UnreadableError
from teachback.teachers.replies import shortened

_CACHE_GB = 2
"""Memory for keys and values: about 140,000 tokens of a model of 1.5B parameters."""


@dataclass(slots=True)
class _Running:
    handle: Any
    future: Future[Completion]
    stop: tuple[str, ...]
    tokens_in: int
    began: float
    tokens: list[int] = field(default_factory=list)
    finish: Any = None


class OpenVinoEngine:
    """One thread owns the pipeline: it adds waiting requests, steps, and hands out replies.

    Raises:
        UnreadableError: OpenVINO cannot read the file.
    """

    def __init__(self, file: Path, slots: int = 8) -> None:
        with no_telemetry():
            import openvino_genai as ov

        self.slots = slots
        self._ov = ov
        scheduler = ov.SchedulerConfig()
        scheduler.cache_size = _CACHE_GB
        scheduler.max_num_seqs = slots
        scheduler.enable_prefix_caching = True
        try:
            self._pipeline = ov.ContinuousBatchingPipeline(str(file), scheduler, "CPU", {})
        except RuntimeError as error:
            raise UnreadableError(shortened(str(error))) from error
        self._tokenizer = self._pipeline.get_tokenizer()
        self._waiting: queue.Queue[tuple[Ask, Future[Completion]] | None] = queue.Queue()
        self._numbers = itertools.count()
        self._thread = threading.Thread(target=self._work, name="openvino", daemon=True)
        self._thread.start()

    def complete(self, ask: Ask) -> Future[Completion]:
        future: Future[Completion] = Future()
        self._waiting.put((ask, future))
        return future

    def close(self) -> None:
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        running: list[_Running] = []
        try:
            while self._admit(running):
                self._pipeline.step()
                running = [one for one in running if not self._collect(one)]
        except Exception as error:  # whoever waits must hear of it
            for one in running:
                one.future.set_exception(error)
            self._refuse(error)
        else:
            for one in running:
                one.handle.cancel()
                one.future.cancel()

    def _admit(self, running: list[_Running]) -> bool:
        """Take in what waits; where nothing runs, wait for it. False: the end."""
        while not running or not self._waiting.empty():
            job = self._waiting.get()
            if job is None:
                return False
            ask, future = job
            if not future.set_running_or_notify_cancel():
                continue
            try:
                running.append(self._begin(ask, future))
            except RuntimeError as error:
                future.set_result(_failed(str(error)))
        return True

    def _begin(self, ask: Ask, future: Future[Completion]) -> _Running:
        ids = self._encoded(ask)
        sampling = ask.sampling
        config = self._ov.GenerationConfig()
        config.max_new_tokens = sampling.max_tokens
        config.apply_chat_template = False
        config.stop_strings = set(sampling.stop)
        if sampling.temperature > 0:
            config.do_sample = True
            config.temperature = sampling.temperature
            config.top_p = sampling.top_p
            config.rng_seed = ask.seed
        handle = self._pipeline.add_request(next(self._numbers), ids, config)
        return _Running(handle, future, sampling.stop, ids.shape[1], time.monotonic())

    def _encoded(self, ask: Ask) -> Any:
        """The prompt's tokens. A chat template writes its own special tokens."""
        if ask.messages[0].role == "text":
            text = "".join(message.content for message in ask.messages)
            return self._tokenizer.encode(text).input_ids
        turns = [{"role": m.role, "content": m.content} for m in ask.messages]
        text = self._tokenizer.apply_chat_template(turns, add_generation_prompt=True)
        return self._tokenizer.encode(text, add_special_tokens=False).input_ids

    def _collect(self, one: _Running) -> bool:
        """Read what has been generated; True once the reply is whole and handed out."""
        status = self._ov.GenerationStatus
        while one.handle.can_read():
            for output in one.handle.read().values():
                one.tokens += output.generated_ids
                one.finish = output.finish_reason
        state = one.handle.get_status()
        if state == status.RUNNING:
            return False
        if state == status.IGNORED:
            one.future.set_result(_failed(f"a prompt of {one.tokens_in} tokens does not fit"))
            return True
        text = self._tokenizer.decode(one.tokens)
        for stop in one.stop:
            text = text.partition(stop)[0]
        length = one.finish == self._ov.GenerationFinishReason.LENGTH
        completion = Completion(
            text=text,
            finish_reason="length" if length else "stop",
            tokens_in=one.tokens_in,
            tokens_out=len(one.tokens),
            seconds=time.monotonic() - one.began,
        )
        one.future.set_result(completion)
        return True

    def _refuse(self, error: Exception) -> None:
        """After the pipeline broke: nobody may wait for ever."""
        while (job := self._waiting.get()) is not None:
            if job[1].set_running_or_notify_cancel():
                job[1].set_exception(error)


def _failed(why: str) -> Completion:
    return Completion(text="", finish_reason="failed", error=shortened(why))

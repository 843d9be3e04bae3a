"""Which requests a strategy needs of a teacher, and which of them a store lacks.

The examples stream by: memory does not grow with their number. The first round is COTE's or
RP's requests; CROP's second, an example's RP requests, is known only when all its COTE
completions are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from teachback.explaining.selection import SelectionRules, is_kept
from teachback.records import Completion, Example, Request, RequestKind, Strategy
from teachback.store import CompletionStore
from teachback.system.progress import Step

_BREATH = 200  # stored requests skipped between two looks at the network

Asked = Strategy | Literal["direct"]
"""A strategy, or the bare answers of a prompting baseline."""


class Prompter(Protocol):
    """What is needed of `teachback.teachers.prompts.Prompts`."""

    def request(self, example: Example, kind: RequestKind, sample: int = 0) -> Request: ...


@dataclass(slots=True)
class Open:
    """An example with requests still to be asked."""

    example: Example
    left: int = 0
    replies: dict[int, Completion] = field(default_factory=dict)
    """COTE's completions by sample, where CROP needs a verdict on them."""


class Job(NamedTuple):
    """A request to be asked."""

    opened: Open
    request: Request
    key: str


@dataclass
class Needs:
    """What ``strategy`` needs of the teacher ``model``, and how much of it ``store`` holds."""

    model: str
    prompts: Prompter
    strategy: Asked
    store: CompletionStore
    rules: SelectionRules
    samples: int
    step: Step
    needed: int = 0
    already_stored: int = 0

    def first_round(self, examples: Iterable[Example]) -> Iterator[Job | None]:
        """The requests to be asked first, and now and then None: time to breathe."""
        first: RequestKind = "cote" if self.strategy == "crop" else self.strategy
        skipped = finished = 0
        for example in examples:
            opened = Open(example)
            jobs = self._missing(opened, first)
            skipped += self.samples - len(jobs)
            if not jobs and self.strategy == "crop":
                jobs = self.second_round(opened)
            opened.left = len(jobs)
            yield from jobs
            finished += not jobs
            if skipped >= _BREATH:
                self.step.advance(finished)
                skipped = finished = 0
                yield None
        self.step.advance(finished)

    def second_round(self, opened: Open) -> list[Job]:
        """CROP's RP requests for an example whose COTE is done; none where it is kept."""
        replies = [opened.replies[sample] for sample in range(self.samples)]
        return [] if is_kept(opened.example, replies, self.rules) else self._missing(opened, "rp")

    def is_stored(self, opened: Open, request: Request, key: str) -> bool:
        """Count a stored reply, and note it where a verdict on it matters."""
        if self.strategy == "crop" and request.kind == "cote":
            completion = self.store.get(key)
            if completion is None or completion.finish_reason == "failed":
                return False
            opened.replies[request.sample] = completion
        elif key not in self.store:
            return False
        self.already_stored += 1
        return True

    def replied(self, opened: Open, request: Request, completion: Completion) -> None:
        """Note a teacher's completion, a failed one included."""
        if self.strategy == "crop" and request.kind == "cote":
            opened.replies[request.sample] = completion

    def _missing(self, opened: Open, kind: RequestKind) -> list[Job]:
        """An example's requests of a kind, less those that are stored."""
        self.needed += self.samples
        jobs = []
        for sample in range(self.samples):
            request = self.prompts.request(opened.example, kind, sample)
            key = self.store.key(self.model, request)
            if not self.is_stored(opened, request, key):
                jobs.append(Job(opened, request, key))
        return jobs

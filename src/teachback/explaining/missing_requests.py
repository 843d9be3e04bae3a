"""Which requests a strategy needs of a teacher, and which of them a store lacks.

The examples stream by: memory does not grow with their number. The first round is COTE's or
RP's requests; CROP's second, an example's RP requests, is known only when all its COTE
completions are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from teachback.explaining.selection import SelectionRules, is_kept
from teachback.records import Completion, Example, Request, RequestKind, Strategy
from teachback.store import CompletionStore
from teachback.system.progress import Step

_BREATH = 200  # stored requests skipped between two looks at the network


class RequestMaker(Protocol):
    """What is needed of `teachback.teachers.prompts.Prompts`."""

    def request(self, example: Example, kind: RequestKind, sample: int = 0) -> Request: ...


@dataclass(slots=True)
class UnfinishedExample:
    """An example with requests still to be asked."""

    example: Example
    left: int = 0
    """How many requests of its first round are not finished yet."""
    replies: dict[int, Completion] = field(default_factory=dict)
    """COTE's completions by sample, where CROP needs a verdict on them."""


class MissingRequest(NamedTuple):
    """A request to be asked."""

    of: UnfinishedExample
    request: Request
    key: str


@dataclass
class MissingRequests:
    """What ``strategy`` needs of the teacher ``model``, and how much of it ``store`` holds."""

    model: str
    prompts: RequestMaker
    strategy: Strategy | RequestKind
    store: CompletionStore
    rules: SelectionRules
    samples: int
    step: Step
    needed: int = 0
    already_stored: int = 0

    def first_round(self, examples: Iterable[Example]) -> Iterator[MissingRequest | None]:
        """The requests to be asked first, and now and then None: time to breathe."""
        first: RequestKind = "cote" if self.strategy == "crop" else self.strategy
        skipped = finished = 0
        for example in examples:
            unfinished = UnfinishedExample(example)
            missing = self._missing(unfinished, first)
            skipped += self.samples - len(missing)
            if not missing and self.strategy == "crop":
                missing = self.second_round(unfinished)
            unfinished.left = len(missing)
            yield from missing
            finished += not missing
            if skipped >= _BREATH:
                self.step.advance(finished)
                skipped = finished = 0
                yield None
        self.step.advance(finished)

    def second_round(self, unfinished: UnfinishedExample) -> list[MissingRequest]:
        """CROP's RP requests for an example whose COTE is done; none where it is kept."""
        replies = [unfinished.replies[sample] for sample in range(self.samples)]
        if is_kept(unfinished.example, replies, self.rules):
            return []
        return self._missing(unfinished, "rp")

    def is_stored(self, missing: MissingRequest) -> bool:
        """Count a stored reply, and note it where a verdict on it matters."""
        unfinished, request, key = missing
        if self.strategy == "crop" and request.kind == "cote":
            completion = self.store.get(key)
            if completion is None or completion.finish_reason == "failed":
                return False
            unfinished.replies[request.sample] = completion
        elif key not in self.store:
            return False
        self.already_stored += 1
        return True

    def replied(self, missing: MissingRequest, completion: Completion) -> None:
        """Note a teacher's completion, a failed one included."""
        if self.strategy == "crop" and missing.request.kind == "cote":
            missing.of.replies[missing.request.sample] = completion

    def _missing(self, unfinished: UnfinishedExample, kind: RequestKind) -> list[MissingRequest]:
        """An example's requests of a kind, less those that are stored."""
        self.needed += self.samples
        found = []
        for sample in range(self.samples):
            request = self.prompts.request(unfinished.example, kind, sample)
            each = MissingRequest(unfinished, request, self.store.key(self.model, request))
            if not self.is_stored(each):
                found.append(each)
        return found

"""Which requests a strategy needs of a teacher, and which of them a store lacks.

The examples stream by: memory does not grow with their number. The first round is COTE's or
RP's requests; CROP's second, an example's RP requests, is known only when all its COTE
completions are there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal, NamedTuple, Protocol

from teachback.records import Completion, Example, Request, RequestKind, Strategy
from teachback.store import CompletionStore
from teachback.system.progress import Step

_BREATH = 200  # stored requests skipped between two looks at the network
_BLOCK = 256  # examples that CROP is done with, as the store notes it

Asked = Strategy | Literal["direct"]
"""A strategy, or the bare answers of a prompting baseline."""

IsKept = Callable[[Example, Sequence[Completion]], bool]
"""Selection's verdict on all COTE samples of an example, failed ones included: whether any is
kept. CROP's second round turns on it. Where it has a ``name`` that is another one whenever its
verdicts may be others (`teachback.explaining.selection.Verdict`), a rerun passes quickly over
examples that lack nothing."""


class Prompter(Protocol):
    """What is needed of `teachback.teachers.prompts.Prompts`."""

    def request(self, example: Example, kind: RequestKind, sample: int = 0) -> Request: ...


@dataclass(slots=True)
class Block:
    """Examples that stand one after the other; once CROP lacks nothing for any of them, the store
    notes it. For the verdicts on a finished run's replies take as long as all else together."""

    digest: bytes
    open: int
    requests: int = 0
    failed: bool = False


@dataclass(slots=True)
class Open:
    """An example with requests still to be asked."""

    example: Example
    block: Block | None
    requests: int
    left: int = 0
    failed: bool = False
    replies: dict[int, Completion] = field(default_factory=dict)
    """COTE's completions by sample, where CROP needs a verdict on them."""


class Job(NamedTuple):
    """A request to be asked; ``just_missed``: the store lacked it when this was handed out."""

    opened: Open
    request: Request
    key: str
    just_missed: bool


@dataclass
class Needs:
    """What ``strategy`` needs of the teacher ``model``, and how much of it ``store`` holds."""

    model: str
    prompts: Prompter
    strategy: Asked
    store: CompletionStore
    is_kept: IsKept
    samples: int
    step: Step
    needed: int = 0
    already_stored: int = 0

    def __post_init__(self) -> None:
        verdict: str | None = getattr(self.is_kept, "name", None)
        self._noted = verdict if self.strategy == "crop" else None

    def first_round(self, examples: Iterable[Example]) -> Iterator[Job | None]:
        """The requests to be asked first, and now and then None: time to breathe."""
        first: RequestKind = "cote" if self.strategy == "crop" else self.strategy
        skipped = settled = 0
        for part in _parts(examples, 1 if self._noted is None else _BLOCK):
            keyed = [(example, self._keyed(example, first)) for example in part]
            block = self._block(keyed)
            if block is not None and (requests := self.store.settled(block.digest)) is not None:
                self.needed += requests
                self.already_stored += requests
                self.step.advance(len(part))
                yield None
                continue
            for example, asked in keyed:
                opened = Open(example, block, self.samples)
                missing = [each for each in asked if not self.is_stored(opened, *each)]
                skipped += len(asked) - len(missing)
                self.needed += self.samples
                jobs = _jobs(opened, missing)
                if not missing and self.strategy == "crop":
                    jobs = self.second_round(opened)
                opened.left = len(jobs)
                yield from jobs
                if not jobs:
                    self.close(opened)
                    settled += 1
                if skipped >= _BREATH:
                    self.step.advance(settled)
                    skipped = settled = 0
                    yield None
        self.step.advance(settled)

    def second_round(self, opened: Open) -> list[Job]:
        """CROP's RP requests for an example whose COTE is done; none where it is kept."""
        replies = [opened.replies[sample] for sample in range(self.samples)]
        if self.is_kept(opened.example, replies):
            return []
        self.needed += self.samples
        opened.requests += self.samples
        asked = self._keyed(opened.example, "rp")
        return _jobs(opened, [each for each in asked if not self.is_stored(opened, *each)])

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
        opened.failed = opened.failed or completion.finish_reason == "failed"

    def close(self, opened: Open) -> None:
        """An example's requests have all been asked."""
        block = opened.block
        if block is None:
            return
        block.open -= 1
        block.requests += opened.requests
        block.failed = block.failed or opened.failed
        if not block.open and not block.failed:
            self.store.settle(block.digest, block.requests)

    def _keyed(self, example: Example, kind: RequestKind) -> list[tuple[Request, str]]:
        """An example's requests of a kind, and their keys."""
        requests = [self.prompts.request(example, kind, n) for n in range(self.samples)]
        return [(request, self.store.key(self.model, request)) for request in requests]

    def _block(self, keyed: list[tuple[Example, list[tuple[Request, str]]]]) -> Block | None:
        """These examples as what the store may have noted; its digest covers all that decides
        which requests they need."""
        if self._noted is None:
            return None
        digest = hashlib.sha256(f"{self._noted}\n{self.samples}\n".encode())
        for example, asked in keyed:
            known = (example.answer, example.kind, *example.choices, *(key for _, key in asked))
            digest.update(repr(known).encode("utf-8", "surrogatepass"))
        return Block(digest.digest(), len(keyed))


def _jobs(opened: Open, missing: Iterable[tuple[Request, str]]) -> list[Job]:
    """Only the first is asked at once, so only of it the store is known to lack the reply."""
    return [
        Job(opened, request, key, just_missed=place == 0)
        for place, (request, key) in enumerate(missing)
    ]


def _parts(examples: Iterable[Example], size: int) -> Iterator[list[Example]]:
    rest = iter(examples)
    while part := list(islice(rest, size)):
        yield part

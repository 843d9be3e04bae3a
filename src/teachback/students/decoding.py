"""Greedy decoding of many questions by one causal model, exactly as of each alone.

A question is read once, for the answers that are scored and for every task that is generated:
its keys and values stay in a row of a cache whose slots are the tokens' positions, so that no
row is padded. Each step adds one token to every row. A row that is finished leaves, and when
enough have left, the next questions are read into their places: no question waits for the
longest one of its batch.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor
from transformers import Cache

from teachback.records import Role
from teachback.students.loss import VOCABULARY_BLOCK
from teachback.students.rows import Row

READ_AT_ONCE = 1024
"""Tokens of questions that are read in one pass, one question at least: a CPU's cache holds what
is computed of so many, and few questions of one length are hardly padded."""
MEASURED: frozenset[Role] = frozenset({"answer"})
"""Tasks of which it is known how probable what they generate is. Of an explanation nobody asks it,
and a sum over the vocabulary for each of its many tokens takes time."""
_ROOM = 64
"""Slots that are added to the rows of keys and values at once."""


class KeyValueCache(Cache):  # type: ignore[misc]
    """Keys and values of ``rows`` questions, with room for more tokens as these come.

    Before each pass of the model, `read` or `extend` says what the pass is about.
    """

    def __init__(self, rows: int) -> None:
        super().__init__(layers=[])
        self.rows = rows
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []
        self._first, self._count = 0, 0
        self._slots: Tensor | None = None
        self._length = 0

    def read(self, first: int, count: int, length: int) -> None:
        """The next pass reads whole questions into the ``count`` rows from ``first`` on; of what
        it computes, the first ``length`` tokens of each row are kept."""
        self._first, self._count, self._slots, self._length = first, count, None, length

    def extend(self, slots: Tensor, length: int) -> None:
        """The next pass adds one token to each of the first rows, at ``slots`` (rows,), and looks
        at the first ``length`` slots."""
        self._first, self._count, self._slots, self._length = 0, len(slots), slots, length

    def move(self, source: int, target: int) -> None:
        """Let row ``target`` be what row ``source`` is."""
        for stored in (*self.keys, *self.values):
            stored[target] = stored[source]

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_: object, **__: object
    ) -> tuple[Tensor, Tensor]:
        """Called by each layer with what it computed, (rows, heads, tokens, width); returns what it
        is to look at."""
        if layer_idx == len(self.keys):
            for states, stored in ((key_states, self.keys), (value_states, self.values)):
                stored.append(states.new_zeros(self.rows, states.shape[1], 0, states.shape[3]))
        return (
            self._stored(self.keys, layer_idx, key_states),
            self._stored(self.values, layer_idx, value_states),
        )

    def _stored(self, layers: list[Tensor], number: int, states: Tensor) -> Tensor:
        if layers[number].shape[2] < self._length:
            # Zeros: what no token has reached yet is masked, but must be a number.
            room = self._length - layers[number].shape[2] + _ROOM
            layers[number] = torch.nn.functional.pad(layers[number], (0, 0, 0, room))
        rows = layers[number][self._first : self._first + self._count]
        if self._slots is None:
            rows[:, :, : self._length] = states[:, :, : self._length]
            return states
        numbers = torch.arange(self._count, device=rows.device)
        rows[numbers, :, self._slots] = states[:, :, 0]
        return rows[:, :, : self._length]


def position_mask(positions: Tensor, length: int, window: int | None) -> Tensor:
    """What tokens at ``positions`` (rows,) see of ``length`` slots: a boolean mask
    (rows, 1, 1, length). Themselves and what stands before them, with ``window`` only where the
    positions differ by less than it.
    """
    slots = torch.arange(length, device=positions.device)
    distance = positions[:, None] - slots
    seen = distance >= 0
    if window is not None:
        seen &= distance < window
    return seen[:, None, None]


@dataclass(frozen=True, slots=True)
class Likeliest:
    """The next token of each row, (rows,), and, where it was asked for, its log-probability."""

    tokens: Tensor
    log_probabilities: Tensor | None


def likeliest_of(logits: Tensor, *, measured: bool) -> Likeliest:
    """By ``logits`` (rows, vocabulary); with ``measured``, the log-probabilities too."""
    tokens = logits.argmax(1)
    if not measured:
        return Likeliest(tokens, None)
    shares = logits.float()
    own = shares.gather(1, tokens[:, None])[:, 0]
    return Likeliest(tokens, own - shares.logsumexp(1))


def likeliest(
    hidden: Tensor, table: Tensor, block: int = VOCABULARY_BLOCK, *, measured: bool = False
) -> Likeliest:
    """For each row of ``hidden`` (rows, width) the token whose row of the output layer ``table``
    (vocabulary, width) gives the highest logit, the first of equals.

    On a CPU, ``block`` tokens at a time, the tokens as the product's rows: with few rows and a
    large vocabulary that takes about half the time of the product the other way round.
    """
    if hidden.device.type != "cpu":
        return likeliest_of(hidden @ table.t(), measured=measured)
    size, rows = len(table), len(hidden)
    scores = hidden.new_empty((size, rows))
    tops = []
    for begin in range(0, size, block):
        part = scores[begin : begin + block]
        torch.mm(table[begin : begin + block], hidden.t(), out=part)
        tops.append(part.amax(0))
    # Only the block with the highest logit is searched for the token: an index costs ten times
    # what a maximum does.
    begins = torch.stack(tops).argmax(0) * block
    tokens = (begins + torch.arange(block)[:, None]).clamp_(max=size - 1)
    inner = scores.gather(0, tokens).argmax(0, keepdim=True)
    chosen = tokens.gather(0, inner)
    if not measured:
        return Likeliest(chosen[0], None)
    return Likeliest(chosen[0], scores.gather(0, chosen)[0].float() - scores.float().logsumexp(0))


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question as it is read: ``row`` is the question with what is to be scored behind it,
    ``question`` the number of tokens that every generated task goes on from, and ``begun`` what
    stands behind a task's marker already."""

    row: Row
    question: int
    begun: tuple[int, ...] = ()


@dataclass(slots=True)
class Decoded:
    """What came of one question."""

    number: int
    """Its place among the prompts."""
    scores: list[tuple[float, int]]
    """Of each scored target: sum of log-probabilities, number of tokens."""
    tokens: dict[Role, list[int]] = field(default_factory=dict)
    seconds: dict[Role, float] = field(default_factory=dict)
    """What each task took: its share of every pass. Reading the question counts in each."""
    log_probabilities: dict[Role, float] = field(default_factory=dict)
    """Of the tokens of each task in `MEASURED`."""


class Reader(Protocol):
    """What decoding needs of a causal student."""

    @property
    def end_id(self) -> int: ...

    @property
    def positions(self) -> int | None: ...

    def marker_ids(self, role: Role) -> tuple[int, ...]: ...

    def read(
        self, rows: Sequence[Row], cache: KeyValueCache | None
    ) -> list[list[tuple[float, int]]]:
        """Read ``rows`` into the cache; the scores of their targets."""

    def extend(
        self, tokens: Tensor, slots: Tensor, length: int, cache: KeyValueCache, *, measured: bool
    ) -> Likeliest:
        """The likeliest token after ``tokens`` (rows,) at ``slots``; with ``measured``, how likely
        it is."""


@dataclass(slots=True)
class _Row:
    """A question that occupies a row of the cache, and the task that is being generated."""

    decoded: Decoded
    question: int
    begun: tuple[int, ...]
    roles: deque[Role]
    """The tasks to generate, the present one first."""
    ahead: deque[int]
    """Tokens that are still to be read before the task's own begin: its marker, what is begun."""
    slot: int
    limit: int


def decode(
    reader: Reader, prompts: Sequence[Prompt], limits: Mapping[Role, int], rows: int
) -> Iterator[Decoded]:
    """Score and generate for every prompt, ``rows`` at a time, the shortest first, in the order in
    which they finish.

    ``limits``: the tasks to generate, and how many tokens each may have at most, end token
    included. Without any, prompts are scored alone.
    """
    rows = min(rows, len(prompts))
    cache = KeyValueCache(rows) if limits else None
    # Questions that are read in one pass are padded to the longest of them.
    waiting = deque(sorted(enumerate(prompts), key=lambda each: len(each[1].row)))
    active: list[_Row] = []
    while waiting or active:
        free = rows - len(active)
        if waiting and (not active or free >= max(1, rows // 4)):
            for batch in _passes([waiting.popleft() for _ in range(min(free, len(waiting)))]):
                read = _read(reader, batch, cache, len(active), limits)
                if cache is None:
                    yield from read
                    continue
                for decoded, (_, prompt) in zip(read, batch, strict=True):
                    row = _Row(decoded, prompt.question, prompt.begun, deque(limits), deque(), 0, 0)
                    _begin_task(row, reader, limits)
                    active.append(row)
        if cache is not None:
            yield from _step(reader, active, cache, limits)


def _passes(prompts: Sequence[tuple[int, Prompt]]) -> Iterator[list[tuple[int, Prompt]]]:
    """``prompts`` in their order, as many at a time as are read in one pass."""
    batch: list[tuple[int, Prompt]] = []
    longest = 0
    for prompt in prompts:
        longest = max(longest, len(prompt[1].row))
        if batch and longest * (len(batch) + 1) > READ_AT_ONCE:
            yield batch
            batch, longest = [], len(prompt[1].row)
        batch.append(prompt)
    yield batch


def _read(
    reader: Reader,
    batch: Sequence[tuple[int, Prompt]],
    cache: KeyValueCache | None,
    first: int,
    limits: Mapping[Role, int],
) -> list[Decoded]:
    """Read and score prompts, into the rows of the cache from ``first`` on."""
    started = time.perf_counter()
    if cache is not None:
        cache.read(first, len(batch), max(prompt.question for _, prompt in batch))
    scores = reader.read([prompt.row for _, prompt in batch], cache)
    seconds = time.perf_counter() - started
    tokens = sum(len(prompt.row) for _, prompt in batch)
    done = []
    for (number, prompt), own in zip(batch, scores, strict=True):
        decoded = Decoded(number, own)
        for role in limits:
            decoded.seconds[role] = seconds * prompt.question / tokens
        if own:
            decoded.seconds["answer"] = seconds * len(prompt.row) / tokens
        done.append(decoded)
    return done


def _begin_task(row: _Row, reader: Reader, limits: Mapping[Role, int]) -> None:
    role = row.roles[0]
    before = (*reader.marker_ids(role), *row.begun)
    row.ahead, row.slot = deque(before), row.question
    row.limit = limits[role]
    if reader.positions is not None:  # no longer than there are positions for it
        row.limit = min(row.limit, max(1, reader.positions - row.question - len(before)))
    row.decoded.tokens[role] = []
    if role in MEASURED:
        row.decoded.log_probabilities[role] = 0.0


def _step(
    reader: Reader, active: list[_Row], cache: KeyValueCache, limits: Mapping[Role, int]
) -> Iterator[Decoded]:
    """One more token for every row; those whose last task is finished leave ``active``."""
    started = time.perf_counter()
    read = [row.ahead.popleft() if row.ahead else _written(row)[-1] for row in active]
    slots = [row.slot for row in active]
    measured = any(row.roles[0] in MEASURED and not row.ahead for row in active)
    next_tokens = reader.extend(
        torch.tensor(read), torch.tensor(slots), max(slots) + 1, cache, measured=measured
    )
    found = next_tokens.tokens.tolist()
    shares = next_tokens.log_probabilities
    log_probabilities = None if shares is None else shares.tolist()
    seconds = (time.perf_counter() - started) / len(active)
    # From the last one on, so that what moves into a place that became free has been seen.
    for place in reversed(range(len(active))):
        row, token = active[place], found[place]
        row.slot += 1
        row.decoded.seconds[row.roles[0]] += seconds
        if row.ahead:
            continue
        _written(row).append(token)
        if row.roles[0] in MEASURED and log_probabilities is not None:
            row.decoded.log_probabilities[row.roles[0]] += log_probabilities[place]
        if token != reader.end_id and len(_written(row)) < row.limit:
            continue
        row.roles.popleft()
        if row.roles:
            _begin_task(row, reader, limits)
            continue
        last = active.pop()
        if last is not row:
            active[place] = last
            cache.move(len(active), place)
        yield row.decoded


def _written(row: _Row) -> list[int]:
    return row.decoded.tokens[row.roles[0]]

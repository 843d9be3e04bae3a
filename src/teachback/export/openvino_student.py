"""A student in an OpenVINO export, asked as `teachback.students.answering` asks one. No torch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from teachback.errors import ConfigError, MissingExtraError, ReferenceError_
from teachback.export.openvino_files import (
    DECODER,
    DECODER_OUTPUTS,
    ROWS,
    SCORER,
    SCORER_OUTPUT,
    TOKENIZER,
    Description,
)
from teachback.modelfiles.wheels import cache_folder
from teachback.records import Role
from teachback.students.card import CARD, StudentCard
from teachback.students.encoding import CausalTokenizer
from teachback.students.file_tokenizer import FileTokenizer
from teachback.students.generated import GeneratedText, Performed, Token
from teachback.students.rows import Row, causal_arrays
from teachback.system.machine import computing_threads
from teachback.system.telemetry import no_telemetry

_READ_AT_ONCE = 64
"""Tokens of a text to be measured whose logits are computed in one pass."""


class _Graph:
    """One graph, compiled when it is first used, by whichever thread uses it first."""

    def __init__(self, file: Path, keep: bool) -> None:
        self._file, self._keep = file, keep
        self._lock = threading.Lock()
        self._compiled: Any = None

    def request(self) -> Any:
        """What runs the graph in one thread. Raises ReferenceError_ where it cannot be loaded."""
        self.compile()
        return self._compiled.create_infer_request()

    def compile(self, begins: Callable[[], object] = lambda: None) -> None:
        """``begins`` is called when Python's other threads are about to be let run. Raises
        ReferenceError_ where it cannot be loaded."""
        with self._lock:
            if self._compiled is None:
                self._compiled = self._load(begins)

    def _load(self, begins: Callable[[], object]) -> Any:
        with no_telemetry():
            import openvino

            settings = {
                **(_kept_compiled() if self._keep else {}),
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_NUM_THREADS": computing_threads(),
                # Otherwise a processor with bf16 rounds to it, and keys and values to 8 bits.
                "INFERENCE_PRECISION_HINT": "f32",
                "KV_CACHE_PRECISION": "f16",
            }
            with self._readable():
                core = openvino.Core()
                begins()
                return core.compile_model(str(self._file), "CPU", settings)

    def check(self) -> None:
        """Read the graph without compiling it. Raises ReferenceError_ where that cannot be done."""
        with no_telemetry():
            import openvino

            with self._readable():
                openvino.Core().read_model(str(self._file))

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            reason = str(error).strip().split("\n")[-1][:200]
            raise ReferenceError_(f"{self._file}: OpenVINO cannot load it ({reason})") from None


def _kept_compiled() -> dict[str, str]:
    """OpenVINO's settings by which a graph is compiled once on a machine. What it keeps, 2 MB
    without the weights, it checks against the graph's file, and makes anew where it is of an older
    one or damaged."""
    try:
        folder = cache_folder() / "openvino"
    except ConfigError:  # no home folder
        return {}
    return {"CACHE_DIR": str(folder), "CACHE_MODE": "OPTIMIZE_SIZE"}


class OpenVinoStudent(CausalTokenizer):
    """One thread's own; `with_shared_weights` makes another's. ``keep_compiled``: what is compiled
    is kept for the next start, in the cache folder.

    Raises ReferenceError_ where ``folder`` holds no whole export, MissingExtraError where OpenVINO
    is not installed.
    """

    def __init__(self, folder: Path, *, keep_compiled: bool = True) -> None:
        description = Description.load(folder)
        card = StudentCard.load(folder)
        if card is None:
            raise ReferenceError_(f"{folder / CARD} is missing: export the student again")
        with no_telemetry():
            try:
                import openvino  # noqa: F401 - is the extra there?
            except ModuleNotFoundError:
                raise MissingExtraError("openvino", "openvino", "an OpenVINO export") from None
        scorer, decoder = (
            _Graph(folder / f"{name}.xml", keep_compiled) for name in (SCORER, DECODER)
        )
        decoder.check()
        # Either takes seconds of a core, and while the tokenizer is read no other thread runs: that
        # waits until the compiler needs Python no more.
        begun = threading.Event()
        with ThreadPoolExecutor(1) as thread:
            compiled = thread.submit(scorer.compile, begun.set)
            compiled.add_done_callback(lambda _: begun.set())
            begun.wait()
            tokenizer = FileTokenizer(folder / TOKENIZER, description.end_id, description.pad_id)
            compiled.result()
        super().__init__(tokenizer, card, description.positions)
        self.weights = description.weights
        self._share(scorer, decoder)

    def _share(self, scorer: _Graph, decoder: _Graph) -> None:
        self._scorer, self._decoder = scorer, decoder
        self._scoring: Any = None
        self._decoding: list[Any] = []
        """Requests of the decoder that nobody uses now; each has keys and values of its own."""

    def with_shared_weights(self) -> OpenVinoStudent:
        """The same student for a different thread."""
        other = object.__new__(type(self))
        CausalTokenizer.__init__(other, self.tokenizer, self.card, self.positions)
        other.weights = self.weights
        other._share(self._scorer, self._decoder)
        return other

    def perform(
        self,
        sources: Sequence[str],
        targets: Sequence[Sequence[str]],
        limits: Mapping[Role, int],
        batch_size: int,
    ) -> Iterator[tuple[int, Performed]]:
        """As `teachback.students.model.StudentModel.perform`. Questions are scored one at a time,
        which on a processor is no slower, and decoded ``batch_size`` at a time."""
        for begin in range(0, len(sources), batch_size):
            places = range(begin, min(begin + batch_size, len(sources)))
            batch = [sources[place] for place in places]
            texts: list[dict[Role, GeneratedText]] = [{} for _ in batch]
            seconds: list[dict[Role, float]] = [{} for _ in batch]
            finished: Iterable[int] = range(len(batch))
            for role, limit in limits.items():
                for _ in finished:
                    pass  # the task before, of every question
                finished = self._generating(batch, role, limit, texts, seconds)
            for at in finished:  # the last task, of each question as soon as it is there
                place = places[at]
                started = time.perf_counter()
                scores = self.scores(sources[place], targets[place]) if targets[place] else []
                if scores:
                    seconds[at]["answer"] = time.perf_counter() - started
                yield place, Performed(scores, texts[at], seconds[at])

    def _generating(
        self,
        sources: Sequence[str],
        role: Role,
        limit: int,
        texts: Sequence[dict[Role, GeneratedText]],
        seconds: Sequence[dict[Role, float]],
    ) -> Iterator[int]:
        """Generate one task for each of ``sources``, into ``texts`` and ``seconds``; the places of
        those that are finished, as they are."""
        for at, ids, spent in self._decode(self._prompts(sources, role), limit):
            texts[at][role], seconds[at][role] = self.generated(ids), spent
            yield at

    # ------------------------------------------------------------------ scoring

    def scores(self, source: str, targets: Sequence[str]) -> list[tuple[float, int]]:
        """Of each target as an answer: (sum of log-probabilities, end token included; tokens)."""
        row = self.scoring_row(source, "answer", targets)
        self.check_fits([row], "a question with one of its answers")
        arrays = causal_arrays([row], self.pad_id)
        index, at = np.unique(arrays["target_index"], return_inverse=True)
        if self._scoring is None:
            self._scoring = self._scorer.request()
        given = {key: arrays[key] for key in ("input_ids", "position_ids", "branch_ids")}
        given |= {"index": index, "at": at, "target_ids": arrays["target_ids"]}
        self._scoring.infer(given, share_inputs=True)
        found = self._scoring.get_tensor(SCORER_OUTPUT).data.astype(np.float64)
        sums = np.bincount(arrays["target_rows"], found, len(targets))
        return [
            (float(total), len(branch.target))
            for total, branch in zip(sums, row.branches, strict=True)
        ]

    # ------------------------------------------------------------------ decoding

    def generate(
        self, sources: Sequence[str], role: Role, max_new_tokens: int
    ) -> list[GeneratedText]:
        """Greedy decoding of one task for each question."""
        prompts = self._prompts(sources, role)
        found = {at: ids for at, ids, _ in self._decode(prompts, max_new_tokens)}
        return [self.generated(found[at]) for at in range(len(sources))]

    def _prompts(self, sources: Sequence[str], role: Role) -> list[tuple[int, ...]]:
        marker = self.marker_ids(role)
        rows = [self.row(source, role, ()) for source in sources]
        prompts = [(*row.prefix, *marker) for row in rows]
        self.check_fits([Row(prompt, ()) for prompt in prompts], "a question")
        return prompts

    def _decode(
        self, prompts: Sequence[Sequence[int]], limit: int
    ) -> Iterator[tuple[int, list[int], float]]:
        """Of each prompt its place, the tokens behind it, up to the end token or ``limit``, and its
        share of every pass in seconds. A row that is finished leaves the batch."""
        found: list[list[int]] = [[] for _ in prompts]
        spent = [0.0] * len(prompts)
        limits = [self._room(len(prompt), limit) for prompt in prompts]
        lengths = np.array([len(prompt) for prompt in prompts])
        columns = np.arange(lengths.max())
        ids = np.full((len(prompts), len(columns)), self.pad_id, np.int64)
        for place, prompt in enumerate(prompts):
            ids[place, : len(prompt)] = prompt
        # Padding stands behind a prompt. It sees the first token, as what sees nothing is no
        # number, and nothing sees it.
        there = columns < lengths[:, None]
        positions, seen = np.where(there, columns, 0), np.where(there, columns, -1)
        active = np.arange(len(prompts))
        index, rows, at = active * len(columns) + lengths - 1, active, lengths
        with self._decoder_request() as request:
            while len(active):
                started = time.perf_counter()
                top = self._read(request, ids, positions, seen, index, rows)[1]
                share = (time.perf_counter() - started) / len(active)
                goes_on = []
                for number, token in zip(active, top, strict=True):
                    found[number].append(int(token))
                    spent[number] += share
                    ended = token == self.end_id or len(found[number]) >= limits[number]
                    goes_on.append(not ended)
                    if ended:
                        yield int(number), found[number], spent[number]
                rows = np.flatnonzero(goes_on)
                active, at = active[rows], at[rows]
                ids, positions = top[rows, None], at[:, None]
                seen = np.concatenate((seen[rows], positions), 1)
                index, at = np.arange(len(active)), at + 1

    @contextmanager
    def _decoder_request(self) -> Iterator[Any]:
        """A request of the decoder that has read nothing yet, for one caller at a time."""
        request = self._decoding.pop() if self._decoding else self._decoder.request()
        try:
            request.reset_state()
            yield request
        finally:
            self._decoding.append(request)

    def _room(self, length: int, limit: int) -> int:
        """How many tokens may follow ``length`` others."""
        return limit if self.positions is None else min(limit, max(1, self.positions - length))

    def _read(
        self,
        request: Any,
        ids: NDArray[Any],
        positions: NDArray[Any],
        seen: NDArray[Any],
        index: NDArray[Any],
        rows: NDArray[Any],
        targets: NDArray[Any] | None = None,
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """One pass of the decoder; see `teachback.export.openvino_files`."""
        given = {
            "input_ids": ids.astype(np.int64),
            "position_ids": positions.astype(np.int64),
            "key_positions": seen.astype(np.int64),
            "index": index.astype(np.int64),
            "target_ids": np.zeros(len(index), np.int64) if targets is None else targets,
            ROWS: rows.astype(np.int32),
        }
        request.infer(given, share_inputs=True)
        own, top, best = (request.get_tensor(name).data.copy() for name in DECODER_OUTPUTS)
        return own, top, best

    # ------------------------------------------------------------------ as a language model

    def _measured(self, request: Any, ids: Sequence[int], top_wanted: int) -> list[Token]:
        """Every token of ``ids`` (not empty), given those before it."""
        found = [Token(ids[0], None, ())]
        tokens = np.array([list(ids)], np.int64)
        one = np.zeros(1, np.int64)
        for begin in range(0, len(ids) - 1, _READ_AT_ONCE):
            end = min(begin + _READ_AT_ONCE, len(ids) - 1)
            targets = tokens[0, begin + 1 : end + 1]
            own, top, best = self._read(
                request,
                tokens[:, begin:end],
                np.arange(begin, end)[None],
                np.arange(end)[None],
                np.arange(end - begin),
                one,
                targets,
            )
            found += [
                Token(int(token), float(share), ((int(likeliest), float(best_share)),)[:top_wanted])
                for token, share, likeliest, best_share in zip(targets, own, top, best, strict=True)
            ]
        return found

    def continued(
        self, ids: Sequence[int], limit: int, *, measure: bool = False, top: int = 0
    ) -> Iterator[Token]:
        """See `teachback.serving.engine.LanguageModel`; of the most probable tokens, the first is
        all that the graph says."""
        if measure:
            with self._decoder_request() as request:
                yield from self._measured(request, ids, top)
        one = np.zeros(1, np.int64)
        read = np.array([list(ids)], np.int64)
        begin = 0
        with self._decoder_request() as request:
            for _ in range(limit):
                end = begin + read.shape[1]
                _, first, best = self._read(
                    request,
                    read,
                    np.arange(begin, end)[None],
                    np.arange(end)[None],
                    np.array([end - begin - 1]),
                    one,
                )
                token, share = int(first[0]), float(best[0])
                yield Token(token, share, ((token, share),)[:top])
                if token == self.end_id:
                    return
                begin, read = end, np.array([[token]], np.int64)

"""The student's model, with its tokenizer and card: what is trained, scored and generates.

What both families share stands here; how a family reads a question, computes target
log-probabilities and generates stands in ``causal.py`` and ``seq2seq.py``.
"""

from __future__ import annotations

import contextlib
import copy
import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from teachback.objectives import TrainingExample
from teachback.records import Role, TrainingPair
from teachback.students.card import StudentCard
from teachback.students.encoding import Encoder
from teachback.students.generated import GeneratedText, Performed
from teachback.students.loss import cross_entropies, weighted_cross_entropy
from teachback.students.quiet import quiet
from teachback.students.rows import Branch, EncodedExample, Row
from teachback.system.precision import PrecisionChoice

PLAIN_HEADS = frozenset({"gemma3_text", "llama", "mistral", "qwen2", "qwen3", "smollm3", "t5"})


class StudentModel(Encoder):
    """A model, its tokenizer, and the card that says how to use them.

    ``model`` may be a ``transformers`` model or a peft model around one.
    """

    def __init__(self, model: Any, tokenizer: Any, card: StudentCard) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.card = card

    # ------------------------------------------------------------------ what a family defines

    @abstractmethod
    def collate(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """Tensors of a batch; what :meth:`target_logits` reads."""

    @abstractmethod
    def target_outputs(self, model: Any, batch: dict[str, Tensor]) -> Tensor:
        """The model's output at the target positions only: logits (targets, vocabulary), or
        what goes into the output layer where that layer is passed by. ``model`` is the
        student's, perhaps wrapped by a trainer.
        """

    @abstractmethod
    def generate(
        self,
        sources: Sequence[str],
        role: Role,
        max_new_tokens: int,
        begun: Sequence[str] | None = None,
    ) -> list[GeneratedText]:
        """Greedy decoding of one task for each question; with ``begun``, each text goes on from
        one that is not empty, which it then contains."""

    def perform(
        self,
        sources: Sequence[str],
        targets: Sequence[Sequence[str]],
        limits: Mapping[Role, int],
        batch_size: int,
    ) -> Iterator[tuple[int, Performed]]:
        """Of every source score its answers ``targets`` (none: nothing is scored) and generate the
        tasks in ``limits``, each with at most so many tokens, ``batch_size`` sources at a time;
        yields (the source's place, what came of it), the first that is finished first.
        """
        for begin in range(0, len(sources), batch_size):
            places = range(begin, min(begin + batch_size, len(sources)))
            batch = [sources[place] for place in places]
            own = [targets[place] for place in places]
            started = time.perf_counter()
            scores = self.log_probabilities(batch, own) if any(own) else [[] for _ in own]
            seconds: dict[Role, float] = {}
            if any(own):
                seconds["answer"] = (time.perf_counter() - started) / len(batch)
            generated: dict[Role, list[GeneratedText]] = {}
            for role, limit in limits.items():
                started = time.perf_counter()
                generated[role] = self.generate(batch, role, limit)
                seconds[role] = (time.perf_counter() - started) / len(batch)
            for at, place in enumerate(places):
                texts = {role: of_all[at] for role, of_all in generated.items()}
                yield place, Performed(scores[at], texts, dict(seconds))

    def with_shared_weights(self) -> Self:
        """The same student with modules and tokenizer of its own around the same weights, to be
        asked by a different thread at the same time."""
        tensors = (*self.model.parameters(), *self.model.buffers())
        model = copy.deepcopy(self.model, {id(tensor): tensor for tensor in tensors})
        other = type(self)(model, copy.deepcopy(self.tokenizer), self.card)
        other.precision = self.precision
        return other

    def sharing_problem(self) -> str | None:
        """Why this model cannot read a question once for several targets and give exactly what
        a row per target gives; None where it can.
        """
        return None

    # ------------------------------------------------------------------ encoding

    def encode(self, example: TrainingExample) -> EncodedExample:
        """All targets of one example; those that read the same tokens share a row."""
        shared: dict[tuple[int, ...], list[Branch]] = {}
        for pair in example.pairs:
            prefix = self.row(pair.source, pair.role, ()).prefix
            branch = self.branch(pair.role, pair.target, pair.weight, pair.removable)
            shared.setdefault(prefix, []).append(branch)
        return EncodedExample(
            example.id,
            tuple(Row(prefix, tuple(branches)) for prefix, branches in shared.items()),
        )

    @property
    def positions(self) -> int | None:
        """How many tokens the model can tell the order of; None where there is no such limit."""
        limit = getattr(self.model.config, "max_position_embeddings", None)
        return None if limit is None else int(limit)

    def rows(self, examples: Sequence[EncodedExample]) -> list[Row]:
        """All rows of ``examples`` as they are computed: separate where they cannot share."""
        return [row for example in examples for row in example.rows]

    def lengths(self, pair: TrainingPair) -> tuple[int, int]:
        """(source tokens, target tokens) before any cut, for the report on the data."""
        before = len(self.text_ids(pair.removable)) if pair.removable else 0
        target = before + len(self.text_ids(pair.target)) + 1
        return len(self.source_ids(pair.source, pair.role)), target

    # ------------------------------------------------------------------ loss and scores

    def loss(self, model: Any, batch: dict[str, Tensor]) -> Tensor:
        """Σ over the batch of weight · mean token cross-entropy: N times its L."""
        head = self.model.get_output_embeddings()
        if not self._head_is_last():
            with logits_only_at(head, batch["target_index"]):
                logits = self.target_outputs(model, batch).float()
            losses = nn.functional.cross_entropy(logits, batch["target_ids"], reduction="none")
            return (losses * batch["target_weights"]).sum()
        with passed_by(head, batch["target_index"]):
            hidden = self.target_outputs(model, batch)
        return weighted_cross_entropy(
            hidden, head.weight, batch["target_ids"], batch["target_weights"]
        )

    def token_losses(self, model: Any, batch: dict[str, Tensor]) -> Tensor:
        """Cross-entropy of every target token, float32, shape (targets,); no gradient."""
        head = self.model.get_output_embeddings()
        # Targets that are predicted at the same position need its logits once.
        index, at = torch.unique(batch["target_index"], return_inverse=True)
        if not self._head_is_last():
            with logits_only_at(head, index):
                logits = self.target_outputs(model, batch).float()
            return nn.functional.cross_entropy(logits[at], batch["target_ids"], reduction="none")
        with passed_by(head, index):
            hidden = self.target_outputs(model, batch)
        return cross_entropies(hidden, head.weight, batch["target_ids"], at)

    def _head_is_last(self) -> bool:
        """Whether logits are hidden · headᵀ and nothing else: a plain linear layer without
        bias or adapter, in a model type known to put no scaling or capping after it.
        """
        head = self.model.get_output_embeddings()
        return (
            isinstance(head, nn.Linear)
            and getattr(head, "bias", None) is None
            and self.model.config.model_type in PLAIN_HEADS
            and not getattr(self.model.config, "final_logit_softcapping", None)
        )

    @torch.inference_mode()
    def log_probabilities(
        self, sources: Sequence[str], targets: Sequence[Sequence[str]], role: Role = "answer"
    ) -> list[list[tuple[float, int]]]:
        """For every source and each of its targets: (sum of log-probabilities, end token
        included; number of tokens). One forward pass for the whole batch.
        """
        rows = [
            self.scoring_row(source, role, own)
            for source, own in zip(sources, targets, strict=True)
        ]
        self.check_fits(rows, "a question with one of its answers")
        batch = {key: value.to(self.device) for key, value in self.collate(rows).items()}
        self.model.eval()
        return self.scores(self.model, batch, [len(own) for own in targets])

    def scores(
        self, model: Any, batch: dict[str, Tensor], counts: Sequence[int]
    ) -> list[list[tuple[float, int]]]:
        """(Sum of log-probabilities, tokens) of each target, by question: ``counts`` of them."""
        with self.autocast():
            losses = self.token_losses(model, batch)
        count = sum(counts)
        number = batch["target_rows"]
        sums = torch.zeros(count, dtype=torch.float64, device=losses.device)
        sums.index_add_(0, number, -losses.double())
        lengths = torch.bincount(number, minlength=count)
        flat = iter(zip(sums.tolist(), lengths.tolist(), strict=True))
        return [[next(flat) for _ in range(own)] for own in counts]

    # ------------------------------------------------------------------ device and precision

    @property
    def device(self) -> torch.device:
        device: torch.device = next(self.model.parameters()).device
        return device

    precision = PrecisionChoice("fp32", "nothing else was asked for")

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """bf16 where the student is computed in it and its weights are float32."""
        dtype = next(self.model.parameters()).dtype
        if dtype == torch.bfloat16 or self.precision.used != "bf16":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def with_card(self, **changes: Any) -> Self:
        """This student with its card changed; the weights are the same objects."""
        self.card = replace(self.card, **changes)
        return self

    # ------------------------------------------------------------------ files

    def save(self, folder: Path) -> None:
        """Weights (safetensors) or adapter, tokenizer and card into ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        readme = folder / "README.md"
        before = readme.read_bytes() if readme.is_file() else None
        with quiet():
            self.model.save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)
        # PEFT's own card names the base by its path on this machine; the student's card does not.
        if before is None:
            readme.unlink(missing_ok=True)
        elif readme.read_bytes() != before:
            readme.write_bytes(before)
        self.card.save(folder)


@contextlib.contextmanager
def logits_only_at(head: nn.Module, index: Tensor) -> Iterator[None]:
    """Within: the output layer computes only the flattened positions ``index``.

    The head's input (rows, length, hidden) becomes (1, targets, hidden), so the model's own
    forward returns logits of shape (1, targets, vocabulary), whatever scaling or capping it
    puts after the head, and whatever wrapper (peft, DDP) stands around it.
    """

    def select(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        hidden = inputs[0]
        return (hidden.reshape(-1, hidden.shape[-1])[index].unsqueeze(0), *inputs[1:])

    handle = head.register_forward_pre_hook(select)
    try:
        yield
    finally:
        handle.remove()


@contextlib.contextmanager
def passed_by(head: nn.Module, index: Tensor) -> Iterator[None]:
    """Within: the output layer hands on its input at the positions ``index``, untouched."""
    with logits_only_at(head, index):
        # An instance attribute hides the class's method; hooks still run around it.
        head.forward = lambda hidden: hidden
        try:
            yield
        finally:
            del head.forward


@contextlib.contextmanager
def last_logits_only(head: nn.Module) -> Iterator[None]:
    """Within: the output layer computes the last position alone, all that decoding looks at.

    Otherwise a prompt's first pass computes logits for each of its tokens: with a vocabulary
    of 262,144, 7 GB for 32 questions of 150 tokens.
    """

    def select(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        # Contiguous, or torch multiplies with one copy of a frozen output layer per row (bmm
        # over an expanded weight): 5 GB and seconds for 16 rows of this vocabulary.
        return (inputs[0][:, -1:].contiguous(), *inputs[1:])

    handle = head.register_forward_pre_hook(select)
    try:
        yield
    finally:
        handle.remove()

"""Encoder-decoder students (T5, Flan-T5): the question is encoded once for all its targets,
which share one row in the decoder, hidden from one another.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from transformers import EncoderDecoderCache

from teachback.records import Role
from teachback.students.decoding import MEASURED, Likeliest, likeliest, likeliest_of
from teachback.students.generated import Generated, Performed
from teachback.students.model import StudentModel, logits_only_at, passed_by
from teachback.students.rows import Row, separate
from teachback.students.seq2seq_decoding import Encoded, decode
from teachback.students.tensors import branch_mask, seq2seq_batch

DECODER_MARKERS: dict[Role, str] = {"answer": "Answer:", "explanation": "Explanation:"}
ENCODER_MARKERS: dict[Role, str] = {"answer": "answer: ", "explanation": "explain: "}
"""With ``task_marker = "encoder"``, the paper's way: one source, and so one pass, per task."""

RELATIVE = frozenset({"t5", "mt5", "umt5"})
"""Model types that read order from relative positions alone and take a mask of our own, so that
a question's targets can share a row in the decoder exactly, and with it the keys and values
that the decoder makes of the encoder's output. Others get separate rows."""


class Seq2SeqStudent(StudentModel):
    """Marker tokens forced as the decoder's first, or a prefix on the encoder's input."""

    family = "seq2seq"

    def source_ids(self, source: str, role: Role) -> tuple[int, ...]:
        prefix = ENCODER_MARKERS[role] if self.card.task_marker == "encoder" else ""
        return tuple(self.tokenizer(prefix + source)["input_ids"])

    def marker_ids(self, role: Role) -> tuple[int, ...]:
        if self.card.task_marker == "encoder":
            return ()
        return self.text_ids(DECODER_MARKERS[role])

    def text_ids(self, target: str) -> tuple[int, ...]:
        return tuple(self.tokenizer(target, add_special_tokens=False)["input_ids"])

    @property
    def start_id(self) -> int:
        return int(self.model.config.decoder_start_token_id)

    def collate(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        return seq2seq_batch(rows if self._shares() else separate(rows), self.pad_id, self.start_id)

    def _shares(self) -> bool:
        return bool(self.model.config.model_type in RELATIVE)

    def target_outputs(self, model: Any, batch: dict[str, Tensor]) -> Tensor:
        mask = branch_mask(batch["branch_ids"])
        if self.model.config._attn_implementation == "eager":  # it adds the mask to its scores
            dtype = next(self.model.parameters()).dtype
            level = torch.zeros(mask.shape, device=mask.device, dtype=dtype)
            mask = level.masked_fill_(~mask, torch.finfo(dtype).min)
        output = model(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            decoder_input_ids=batch["decoder_input_ids"],
            decoder_attention_mask=mask,
            use_cache=False,
        )
        outputs: Tensor = output.logits[0]
        return outputs

    # ------------------------------------------------------------------ answering

    @torch.inference_mode()
    def perform(
        self,
        sources: Sequence[str],
        targets: Sequence[Sequence[str]],
        limits: Mapping[Role, int],
        batch_size: int,
    ) -> Iterator[tuple[int, Performed]]:
        if self.card.task_marker == "encoder" or not self._shares():  # tasks differ in what is read
            yield from super().perform(sources, targets, limits, batch_size)
            return
        self.model.eval()
        for begin in range(0, len(sources), batch_size):
            places = range(begin, min(begin + batch_size, len(sources)))
            own = [targets[place] for place in places]
            seconds: dict[Role, float] = {}
            started = time.perf_counter()
            encoded = self._encoded([sources[place] for place in places], "answer")
            reading = time.perf_counter() - started
            scores: list[list[tuple[float, int]]] = [[] for _ in places]
            if any(own):
                started = time.perf_counter()
                scores = self._scores([sources[place] for place in places], own, encoded)
                seconds["answer"] = (reading + time.perf_counter() - started) / len(places)
            generated: dict[Role, list[Generated]] = {}
            for role, limit in limits.items():
                started = time.perf_counter()
                generated[role] = self._decoded(encoded, role, limit, ())
                seconds[role] = (reading + time.perf_counter() - started) / len(places)
            for at, place in enumerate(places):
                texts = {role: of_all[at] for role, of_all in generated.items()}
                yield place, Performed(scores[at], texts, dict(seconds))

    @torch.inference_mode()
    def generate(
        self,
        sources: Sequence[str],
        role: Role,
        max_new_tokens: int,
        begun: Sequence[str] | None = None,
    ) -> list[Generated]:
        self.model.eval()
        if begun is None:
            return self._decoded(self._encoded(sources, role), role, max_new_tokens, ())
        found: list[Generated] = []
        for source, text in zip(sources, begun, strict=True):  # each decoder begins differently
            encoded = self._encoded([source], role)
            found += self._decoded(encoded, role, max_new_tokens, self.text_ids(text))
        return found

    def _encoded(self, sources: Sequence[str], role: Role) -> Encoded:
        rows = [self.row(source, role, [self.branch(role, "")]) for source in sources]
        batch = {key: value.to(self.device) for key, value in self.collate(rows).items()}
        read = {key: batch[key] for key in ("input_ids", "attention_mask")}
        with self.autocast():
            hidden = self.model.get_encoder()(**read).last_hidden_state
        return Encoded(hidden, read["attention_mask"])

    def _scores(
        self, sources: Sequence[str], targets: Sequence[Sequence[str]], encoded: Encoded
    ) -> list[list[tuple[float, int]]]:
        """As `log_probabilities`, of questions that are encoded."""
        rows = [
            self.scoring_row(source, "answer", own)
            for source, own in zip(sources, targets, strict=True)
        ]
        batch = {key: value.to(self.device) for key, value in self.collate(rows).items()}
        model = partial(self.model, encoder_outputs=encoded.keywords()["encoder_outputs"])
        return self.scores(model, batch, [len(own) for own in targets])

    def _decoded(
        self, encoded: Encoded, role: Role, limit: int, begun: tuple[int, ...]
    ) -> list[Generated]:
        measured = role in MEASURED and not begun
        before = (self.start_id, *self.marker_ids(role), *begun)
        following = partial(self._next_tokens, measured=measured)
        return [
            self.generated([*begun, *one.tokens], one.log_probability if measured else None)
            for one in decode(following, encoded, before, limit, self.end_id)
        ]

    def _next_tokens(
        self, encoded: Encoded, read: Tensor, cache: EncoderDecoderCache, *, measured: bool
    ) -> Likeliest:
        head = self.model.get_output_embeddings()
        last = self._head_is_last()
        ends = torch.arange(1, len(read) + 1, device=read.device) * read.shape[1] - 1
        with self.autocast(), (passed_by if last else logits_only_at)(head, ends):
            output = self.model(
                **encoded.keywords(),
                decoder_input_ids=read,
                past_key_values=cache,
                use_cache=True,
            ).logits[0]
        if last:
            return likeliest(output, head.weight, measured=measured)
        return likeliest_of(output, measured=measured)

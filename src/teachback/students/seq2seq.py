"""Encoder-decoder students (T5, Flan-T5): the question is encoded once for all its targets,
which share one row in the decoder, hidden from one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from teachback.records import Role
from teachback.students.decoding import MEASURED
from teachback.students.generated import GeneratedText
from teachback.students.log_probabilities import LogProbabilities
from teachback.students.model import StudentModel
from teachback.students.rows import Row, separate
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
        shared = self.model.config.model_type in RELATIVE
        return seq2seq_batch(rows if shared else separate(rows), self.pad_id, self.start_id)

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

    @torch.inference_mode()
    def generate(
        self,
        sources: Sequence[str],
        role: Role,
        max_new_tokens: int,
        begun: Sequence[str] | None = None,
    ) -> list[GeneratedText]:
        if begun is None:
            return self._generate(sources, role, max_new_tokens, ())
        found: list[GeneratedText] = []
        for source, text in zip(sources, begun, strict=True):  # each decoder begins differently
            found += self._generate([source], role, max_new_tokens, self.text_ids(text))
        return found

    def _generate(
        self, sources: Sequence[str], role: Role, max_new_tokens: int, begun: tuple[int, ...]
    ) -> list[GeneratedText]:
        before = (*self.marker_ids(role), *begun)
        rows = [self.row(source, role, [self.branch(role, "")]) for source in sources]
        batch = {key: value.to(self.device) for key, value in self.collate(rows).items()}
        start = torch.tensor([[self.start_id, *before]] * len(sources), device=self.device)
        self.model.eval()
        measured = LogProbabilities() if role in MEASURED and not begun else None
        with self.autocast():
            output = self.model.generate(
                input_ids=batch["input_ids"],
                attention_mask=batch["attention_mask"],
                decoder_input_ids=start,
                max_new_tokens=max_new_tokens,
                logits_processor=[] if measured is None else [measured],
                do_sample=False,
                eos_token_id=self.end_id,
                pad_token_id=self.pad_id,
            )
        plain = [self.generated([*begun, *ids]) for ids in output[:, start.shape[1] :].tolist()]
        return plain if measured is None else measured.added_to(plain)

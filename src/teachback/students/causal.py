"""Causal students (Gemma, Qwen, Llama and their kin): one row, a branch per target."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from teachback.records import Role
from teachback.students.decoding import (
    MEASURED,
    KeyValueCache,
    Likeliest,
    Prompt,
    decode,
    likeliest,
    likeliest_of,
    position_mask,
)
from teachback.students.encoding import CausalEncoder
from teachback.students.generated import GeneratedText, Performed
from teachback.students.log_probabilities import LogProbabilities
from teachback.students.model import (
    StudentModel,
    last_logits_only,
    logits_only_at,
    passed_by,
)
from teachback.students.rows import Branch, EncodedExample, Row, separate
from teachback.students.tensors import branch_mask, causal_batch, left_padded

MASK_TAKERS = frozenset({"gemma3_text", "llama", "mistral", "qwen2", "qwen3", "smollm3"})
"""Model types that take a mask of our own and read order from position ids alone, so that
branches can share a row exactly. Others get separate rows."""


MASKED_LAYERS = frozenset({"full_attention", "sliding_attention"})
"""Layer types that look at other tokens through the mask alone; recurrent ones do not."""

MASKED_KERNELS = frozenset({"eager", "sdpa"})
"""Attention implementations that take a mask of our own."""


class CausalStudent(CausalEncoder, StudentModel):
    """A causal model that reads and writes as `CausalEncoder` says."""

    shared_prefix: bool = True
    """Whether branches share a row where the model allows it (the fast path)."""

    def sharing_problem(self) -> str | None:
        config = self.model.config
        layers = set(getattr(config, "layer_types", None) or ()) - MASKED_LAYERS
        kernel = config._attn_implementation
        if config.model_type not in MASK_TAKERS:
            return f"models of type {config.model_type} are not known to share a question exactly"
        if layers:
            return f"layers of type {', '.join(sorted(layers))} cannot share a question exactly"
        if kernel not in MASKED_KERNELS:
            return f"the attention kernel {kernel} takes no mask"
        return None

    def _shares(self) -> bool:
        return self.shared_prefix and self.sharing_problem() is None

    def rows(self, examples: Sequence[EncodedExample]) -> list[Row]:
        rows = super().rows(examples)
        return rows if self._shares() else separate(rows)

    def collate(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        return causal_batch(rows if self._shares() else separate(rows), self.pad_id)

    def attention_mask(self, batch: dict[str, Tensor]) -> Any:
        """What the model takes for a mask: a plain one for separate rows, our own otherwise,
        by layer type where its layers differ.
        """
        branch_ids, position_ids = batch["branch_ids"], batch["position_ids"]
        if not self._shares():
            return (branch_ids >= 0).long()
        return self.masks(partial(branch_mask, branch_ids, position_ids))

    def masks(self, mask: Callable[[int | None], Tensor]) -> Any:
        """What ``mask`` makes of each layer type's window (None: no window)."""
        config = self.model.config
        window = getattr(config, "sliding_window", None)
        types = getattr(config, "layer_types", None)
        if types is None:
            return mask(window)
        masks = {"full_attention": mask(None)}
        if "sliding_attention" in types:
            masks["sliding_attention"] = mask(window)
        if config.model_type in ("llama", "mistral"):
            return masks.get("sliding_attention", masks["full_attention"])
        return masks

    def target_outputs(self, model: Any, batch: dict[str, Tensor]) -> Tensor:
        # Positions of separate rows are what every model counts by itself, and some take none.
        positions = {"position_ids": batch["position_ids"]} if self._shares() else {}
        output = model(
            input_ids=batch["input_ids"],
            attention_mask=self.attention_mask(batch),
            use_cache=False,
            **positions,
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
        if not self._shares():
            yield from super().perform(sources, targets, limits, batch_size)
            return
        prompts = [self._prompt(*each, limits) for each in zip(sources, targets, strict=True)]
        self.model.eval()
        for decoded in decode(self, prompts, limits, batch_size):
            texts = {
                role: self.generated(ids, decoded.log_probabilities.get(role))
                for role, ids in decoded.tokens.items()
            }
            yield decoded.number, Performed(decoded.scores, texts, decoded.seconds)

    def _prompt(self, source: str, targets: Sequence[str], limits: Mapping[Role, int]) -> Prompt:
        question = self.row(source, "answer", ())
        for role in limits:
            marked = Row(question.prefix, (Branch(self.marker_ids(role), ()),))
            self.check_fits([marked], "a question")
        if not targets:
            return Prompt(question, len(question.prefix))
        row = self.scoring_row(source, "answer", targets)
        self.check_fits([row], "a question with one of its answers")
        return Prompt(row, len(question.prefix))

    def read(
        self, rows: Sequence[Row], cache: KeyValueCache | None
    ) -> list[list[tuple[float, int]]]:
        """See `teachback.students.decoding.Reader`."""
        batch = {key: value.to(self.device) for key, value in self.collate(rows).items()}
        model = self.model if cache is None else partial(self.model, past_key_values=cache)
        return self.scores(model, batch, [len(row.branches) for row in rows])

    def extend(
        self, tokens: Tensor, slots: Tensor, length: int, cache: KeyValueCache, *, measured: bool
    ) -> Likeliest:
        """See `teachback.students.decoding.Reader`."""
        tokens, slots = tokens.to(self.device), slots.to(self.device)
        cache.extend(slots, length)
        head = self.model.get_output_embeddings()
        last = self._head_is_last()
        every = torch.arange(len(tokens), device=self.device)
        with self.autocast(), (passed_by if last else logits_only_at)(head, every):
            output = self.model(
                input_ids=tokens[:, None],
                attention_mask=self.masks(partial(position_mask, slots, length)),
                position_ids=slots[:, None],
                past_key_values=cache,
                use_cache=False,  # no cache of the model's own
            ).logits[0]
        if last:
            return likeliest(output, head.weight, measured=measured)
        return likeliest_of(output, measured=measured)

    def generate(
        self,
        sources: Sequence[str],
        role: Role,
        max_new_tokens: int,
        begun: Sequence[str] | None = None,
    ) -> list[GeneratedText]:
        texts = [self.text_ids(text) for text in begun] if begun else [() for _ in sources]
        if not self._shares():
            return self._library_generate(sources, role, max_new_tokens, texts)
        limits = {role: max_new_tokens}
        prompts = [
            replace(self._prompt(source, (), limits), begun=text)
            for source, text in zip(sources, texts, strict=True)
        ]
        self.model.eval()
        with torch.inference_mode():
            done = {one.number: one for one in decode(self, prompts, limits, len(prompts))}
        return [
            self.generated(
                [*text, *done[number].tokens[role]], done[number].log_probabilities.get(role)
            )
            for number, text in enumerate(texts)
        ]

    @torch.inference_mode()
    def _library_generate(
        self,
        sources: Sequence[str],
        role: Role,
        max_new_tokens: int,
        begun: Sequence[tuple[int, ...]],
    ) -> list[GeneratedText]:
        """transformers' own decoding: the plain path, for any model."""
        marker = self.marker_ids(role)
        rows = [
            self.row(source, role, [Branch((*marker, *text), ())])
            for source, text in zip(sources, begun, strict=True)
        ]
        self.check_fits(rows, "a question")
        prompts = [(*row.prefix, *row.branches[0].marker) for row in rows]
        if self.positions is not None:  # no longer than there are positions for it
            max_new_tokens = min(max_new_tokens, self.positions - max(map(len, prompts)) or 1)
        batch = {k: v.to(self.device) for k, v in left_padded(prompts, self.pad_id).items()}
        self.model.eval()
        measured = LogProbabilities() if role in MEASURED and not any(begun) else None
        with self.autocast(), last_logits_only(self.model.get_output_embeddings()):
            output = self.model.generate(
                **batch,
                max_new_tokens=max_new_tokens,
                logits_processor=[] if measured is None else [measured],
                do_sample=False,
                eos_token_id=self.end_id,
                pad_token_id=self.pad_id,
            )
        start = batch["input_ids"].shape[1]
        plain = [
            self.generated([*text, *ids])
            for text, ids in zip(begun, output[:, start:].tolist(), strict=True)
        ]
        return plain if measured is None else measured.added_to(plain)

"""How much a pass over training examples computes: what "equal compute" is measured by.

Counted, not timed: seconds depend on what else a machine does, and a count is the same
everywhere. A pass costs, per token, one multiply-add for every weight that the token goes
through (Kaplan et al. 2020, section 2.1, attention's own products left out): the layers for all
tokens, the output layer for target tokens alone, as the students compute it; an embedding is
looked up, not multiplied. The backward pass costs the same multiple of it for every objective.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from teachback.config import StudentConfig, TrainConfig
from teachback.datasets import split_valid
from teachback.records import Example, Explanation, TrainedPasses
from teachback.students.load import load
from teachback.students.model import StudentModel
from teachback.students.rows import EncodedExample
from teachback.training.batches import steps_of, steps_per_pass
from teachback.training.pairs import pairs_of
from teachback.training.removal import removal, shortened


def work(student: StudentModel, examples: Iterable[EncodedExample]) -> int:
    """Multiply-adds of one forward pass over ``examples``, padding and attention left out."""
    prefix = branch = target = 0
    for row in student.rows(list(examples)):
        prefix += len(row.prefix)
        branch += sum(len(b.marker) + len(b.target) for b in row.branches)
        # A causal row does not hold a target's last token; a decoder's has a start token instead.
        branch -= len(row.branches) if student.family == "causal" else 0
        target += sum(len(b.target) for b in row.branches)
    model = student.model
    head = int(model.get_output_embeddings().weight.numel())
    if student.family == "causal":
        return _weights(model) * (prefix + branch) + head * target
    # Encoder-decoder: keys and values of the question are computed once per row, in the decoder.
    encoder = _weights(model.get_encoder())
    crossed = sum(
        int(p.numel())
        for name, p in model.get_decoder().named_parameters()
        if ".EncDecAttention.k." in name or ".EncDecAttention.v." in name
    )
    decoder = _weights(model.get_decoder()) - crossed
    return (encoder + crossed) * prefix + decoder * branch + head * target


def _weights(model: Any) -> int:
    """Weights that every token is multiplied with: all but embeddings and the output layer."""
    apart = [model.get_input_embeddings()]
    if hasattr(model, "get_output_embeddings"):
        apart.append(model.get_output_embeddings())
    left_out = {id(module.weight) for module in apart if module is not None}
    return sum(int(p.numel()) for p in model.parameters() if id(p) not in left_out)


def equal_passes(
    examples: Sequence[Example],
    explanations: Sequence[Explanation],
    matched: Sequence[TrainedPasses],
    *,
    train_config: TrainConfig,
    student_config: StudentConfig,
    valid_fraction: float,
) -> tuple[TrainedPasses, float]:
    """The one of ``matched`` that computed most on these explanations, and how many passes of ST
    compute as much.

    All over the training part that the seed draws; adapters, which are small and the same in
    all, are left out. What MT-iCoT has removed at a step is not computed there.
    """
    part, _ = split_valid(examples, train_config.seed, fraction=valid_fraction)
    student = load(student_config.reference, precision=student_config.precision)
    student.with_card(
        task_marker=student_config.task_marker,
        answer_format=student_config.answer_format,
        max_source_tokens=student_config.max_source_tokens,
        max_target_tokens=student_config.max_target_tokens,
    )

    def of(trained: TrainedPasses) -> float:
        changed = {"objective": trained.objective, "epochs": trained.planned}
        config = train_config.model_copy(update=changed)
        pairs = pairs_of(part, explanations, config, student_config)
        return trained_work(student, list(map(student.encode, pairs)), trained.passes, config)

    st = of(TrainedPasses("st", 1.0, 1.0))
    most, passes = max(((one, of(one) / st) for one in matched), key=lambda found: found[1])
    return most, passes


def trained_work(
    student: StudentModel, examples: Sequence[EncodedExample], passes: float, config: TrainConfig
) -> float:
    """Multiply-adds of ``passes`` forward passes over ``examples`` in a training as ``config``
    plans it."""
    whole = work(student, examples)
    per_pass = steps_per_pass(len(examples), config)
    schedule = removal(
        examples, config, steps=steps_of(config.epochs, per_pass), per_epoch=per_pass
    )
    if schedule is None:
        return passes * whole
    removable = [b.removable for e in examples for row in e.rows for b in row.branches]
    shorter = work(student, [shortened(example, 1) for example in examples])
    token = (whole - shorter) / sum(tokens > 0 for tokens in removable)
    steps = steps_of(passes, per_pass)
    gone = Counter(schedule.removed(step) for step in range(steps))
    removed = sum(
        times * sum(min(count, tokens) for tokens in removable) for count, times in gone.items()
    )
    # A step is one batch, and a batch on average so large a part of a pass.
    return passes * whole - token * removed * passes / steps

"""What a student is trained on: the pairs of a part of the data, by its objective."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from teachback.config import StudentConfig, TrainConfig
from teachback.errors import DataError
from teachback.objectives import TrainingExample, permute, training_examples
from teachback.records import Example, Explanation


def pairs_of(
    examples: Sequence[Example],
    explanations: Iterable[Explanation],
    config: TrainConfig,
    student: StudentConfig,
    *,
    part: str = "the training part",
) -> list[TrainingExample]:
    """The pairs of ``examples``; explanations of other examples are left out. Raises DataError,
    naming the ``part`` that they are, where there is nothing to train on or to exchange.

    With ``permute``, explanations are exchanged among ``examples`` alone: called for the
    training part and for valid apart, what is trained on is never valid's.
    """
    ids = {example.id for example in examples}
    own = [explanation for explanation in explanations if explanation.id in ids]
    by_id: dict[str, list[Explanation]] = {}
    try:
        for explanation in permute(own, config.seed) if config.permute else own:
            by_id.setdefault(explanation.id, []).append(explanation)
        return training_examples(
            examples,
            by_id,
            objective=config.objective,
            alpha=config.alpha,
            answer_format=student.answer_format,
        )
    except DataError as error:
        raise DataError(f"{part} ({len(examples)} examples): {error}") from None

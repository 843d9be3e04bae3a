"""What may be answered in an evaluation, where that is a closed set of labels.

The gold answers of a test file must not say what may be answered there: a student that always
says a label which the file happens to lack would be held to the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from teachback.datasets.fields import told_apart
from teachback.errors import DataError
from teachback.questions import has_labels, normalise, unreadable
from teachback.records import Example
from teachback.system.progress import Notice, no_notice


def answerable(
    test: Sequence[Example], trained: Sequence[str], notice: Notice = no_notice
) -> list[Example]:
    """``test`` as its questions may be asked: where the choices are the labels of the whole file,
    they become the labels ``trained`` on, in that order, and behind them the other labels of
    ``test``, sorted. Examples of other kinds stay as they are.

    ``trained``: the labels on the student's card, or of the training data; empty where nothing
    says which they are. ``notice`` is told which labels ``trained`` lacks.

    Raises DataError where a label of ``test`` is spelled in a different way in ``trained``, could
    not be told from the others, or there are fewer than two in all.
    """
    if not any(has_labels(one) for one in test):
        return list(test)
    labelled = [one for one in test if has_labels(one)]
    own = {label for one in labelled for label in (*one.choices, one.answer) if label}
    spelled = {normalise(label): label for label in trained}
    for label in sorted(own):
        before = spelled.get(normalise(label), label)
        if before != label:
            above, here = told_apart(before, label)
            raise DataError(
                f"the label {here} of the test data is spelled {above} in the training data: write "
                "it in one way"
            )
    lacking = sorted(own.difference(trained))
    labels = (*trained, *lacking)
    if len(labels) < 2:
        raise DataError(
            f"every answer of the test data is {labels[0]!r}, and nothing says which other labels "
            "there are: give the training data (--train FILE), or data with two labels or more"
        )
    for label in labels if lacking else ():
        alone = Example("", "", label, labelled[0].kind, labels)
        if (reason := unreadable(alone, "text")) is not None:
            raise DataError(f"the label {label!r}, among those of training and test data: {reason}")
    if not trained:
        notice(
            "labels: only those of the test data may be answered, since nothing says which the "
            "training data has (--train FILE does)"
        )
    elif lacking:
        notice(
            f"labels of the test data that the training data lacks: {', '.join(lacking)} (they "
            "may be answered, too)"
        )
    return [replace(one, choices=labels) if has_labels(one) else one for one in test]

"""Exemplars: the built-in sets, and a user's own from a file.

A set is a file of dataset rows with ``explanation``. The built-in ones, seven exemplars each,
were written for this project, in the style of the dataset they are named after; none of their
questions comes from there. An explanation ends before the conclusion, which the prompts write.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import resources

from teachback.datasets import Columns, Data, read_rows
from teachback.datasets.reading import examples_in, rows_of
from teachback.datasets.sources import counted
from teachback.errors import ConfigError, DataError, quoted
from teachback.files import is_there
from teachback.files.rows import bad_line
from teachback.questions import KINDS, parse, same_answer
from teachback.records import ANNOUNCED, Example, Exemplar

__all__ = ["BUILTIN", "builtin", "choose", "for_kind", "read_exemplars"]

BUILTIN = ("commonsenseqa", "strategyqa", "openbookqa", "arithmetic")
"""The names of the built-in sets."""


def choose(reference: str | None, kind: str) -> list[Exemplar]:
    """The exemplars that ``reference`` means for a dataset of question kind ``kind``.

    None: the default of the kind (`for_kind`). ``none``: no exemplars, zero-shot. Else the name
    of a built-in set, or a file, which is read as ``kind``.

    Raises:
        ConfigError: ``reference`` is neither a name nor a file.
        DataError: as `read_exemplars` does.
    """
    if reference is None:
        return for_kind(kind)
    if reference == "none":
        return []
    if reference in BUILTIN:
        return builtin(reference)
    if not is_there(reference):
        raise _unknown(reference)
    return read_exemplars(reference, kind=kind)


def for_kind(kind: str) -> list[Exemplar]:
    """The default of a question kind: the set that the kind names, or none (zero-shot)."""
    name = KINDS[kind].exemplars
    return builtin(name) if name else []


def builtin(name: str) -> list[Exemplar]:
    """A built-in set of seven; raises ConfigError if ``name`` is not in `BUILTIN`."""
    if name not in BUILTIN:
        raise _unknown(name)
    with resources.as_file(resources.files(__name__) / f"{name}.jsonl") as path:
        return read_exemplars(path)


def read_exemplars(
    data: Data, *, kind: str | None = None, columns: Columns | None = None
) -> list[Exemplar]:
    """Read exemplars from whatever `teachback.datasets.read_examples` reads; each row
    needs an ``explanation``, too.

    Where an explanation ends with a conclusion of its own ("So the answer is (B)."), that is
    taken off, because the prompts write one.

    Raises:
        DataError: as `read_examples` does; or an explanation is missing, is nothing but a
            conclusion, or concludes otherwise than the row's answer.
        MissingExtraError: as `read_examples` does.
    """
    source = rows_of(data)
    if isinstance(source, list):
        raise DataError("exemplars: an example has no explanation: give rows, or Exemplar objects")
    examples = examples_in(source, kind=kind, columns=columns)
    exemplars = []
    for example, (line, row) in zip(examples, read_rows(source, columns), strict=True):
        try:
            explanation = _without_conclusion(example, row.get("explanation") or "")
        except ValueError as error:
            raise bad_line(source, line, str(error), counted(source)) from None
        exemplars.append(Exemplar(example, explanation))
    return exemplars


def _without_conclusion(example: Example, explanation: str) -> str:
    """Raises ValueError, with the reason, where there is no explanation of this answer."""
    explanation = explanation.strip()
    if not explanation:
        raise ValueError("the explanation is missing: every exemplar needs one")
    parsed = parse(example, explanation, reading=ANNOUNCED)
    # What merely sounds like a conclusion in the middle ("the best choice is one that …") stays.
    at_the_end = explanation.startswith(parsed.explanation)
    if parsed.answer is None or not at_the_end:
        return explanation
    if not same_answer(example, parsed.answer):
        raise ValueError(
            f"the explanation concludes {parsed.answer!r}, but the answer is {example.answer!r}"
        )
    if not parsed.explanation:
        raise ValueError("the explanation is nothing but the answer: say why it is right")
    return parsed.explanation


def _unknown(reference: str) -> ConfigError:
    close = get_close_matches(reference, BUILTIN, 1)
    meant = f" (did you mean {close[0]!r}?)" if close else ""
    return ConfigError(
        f"no exemplars {quoted(reference)}{meant}: name one of {', '.join(BUILTIN)}, none, or a "
        "file"
    )

"""The official releases of CommonsenseQA, OpenBookQA, StrategyQA and GSM8K, as datasets."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from teachback.datasets.checking import Problem
from teachback.datasets.examples import example_from_row
from teachback.datasets.sources import scan_rows
from teachback.errors import DataError
from teachback.files import read_text, write_jsonl
from teachback.files.rows import Row, json_name
from teachback.questions import KINDS

_SAID = {"true": True, "yes": True, "false": False, "no": False}


@dataclass(frozen=True, slots=True)
class Imported:
    """What `import_official` wrote, and what it could not."""

    rows: int
    left_out: tuple[str, ...]
    """One line for each released row that is no valid example, naming file, line and reason."""


@dataclass(frozen=True, slots=True)
class _Release:
    title: str
    kind: str
    convert: Callable[[Row, str], Row]
    """From a released row and an id to use where the release has none."""


def import_official(
    name: str,
    files: Sequence[str | Path],
    out: str | Path,
    *,
    with_solutions: bool = False,
    overwrite: bool = False,
) -> Imported:
    """Write the released ``files`` of one of `OFFICIAL` as one dataset, atomically.

    The same rows are also read as Parquet or from the hub (``hf:…``). GSM8K has no ids: they
    are the file's name without suffix and the line's number (``train-00001``). Rows that
    cannot be an example (two choices with the same text, say) are left out and listed; so are,
    ``with_solutions``, those that have none.

    ``with_solutions`` adds what the release gives in support of an answer as ``explanation``,
    which makes the file one of exemplars: GSM8K's solution without its calculator marks and
    final answer, StrategyQA's facts, OpenBookQA's fact (its "additional" files have it).

    Raises:
        DataError: no such release, an input that is not of it or has no answers, an id that
            stands twice, ``out`` exists and ``overwrite`` is not set.
        RunFolderError: ``out`` cannot be written.
    """
    release = _release(name)
    if Path(out).exists() and not overwrite:
        raise DataError(f"{out} already exists: choose a different name, or give --overwrite")
    rows: list[Row] = []
    left_out: list[str] = []
    found_at: dict[str, str] = {}
    explained = False
    for file in files:
        stem = re.sub(r"\W+", "-", Path(file).stem)
        for line, released in _released_rows(file):
            here = f"{file}, line {line}"
            row = _converted(release, released, f"{stem}-{line:05d}", here)
            if str(row["id"]) in found_at:
                first = found_at[str(row["id"])]
                raise DataError(f"{here}: {first} already has the id {row['id']!r}")
            found_at[str(row["id"])] = here
            if not with_solutions:
                row.pop("explanation", None)
            explained |= "explanation" in row
            try:
                example_from_row(row, release.kind)
                if with_solutions and "explanation" not in row:
                    raise ValueError("the row has no solution")
            except ValueError as error:
                left_out.append(f"{here}: {error}")
            else:
                rows.append(row)
    if with_solutions and found_at and not explained:
        raise DataError(f"{files[0]}: this release of {release.title} has no solutions")
    if not rows:
        raise DataError(left_out[0] if left_out else f"{files[0]}: the file has no row")
    write_jsonl(out, rows)
    return Imported(len(rows), tuple(left_out))


def _release(name: str) -> _Release:
    plain = name.casefold()
    if plain not in OFFICIAL:
        close = get_close_matches(plain, OFFICIAL, 1)
        meant = f" (did you mean {close[0]!r}?)" if close else ""
        raise DataError(f"no release {name!r}{meant}: choose one of {', '.join(OFFICIAL)}")
    return OFFICIAL[plain]


def _released_rows(path: str | Path) -> Iterator[tuple[int, Row]]:
    """Rows with their line, or with their place in the list where a file is one JSON list."""
    if Path(path).suffix.casefold() == ".json" and (rows := _json_list(path)) is not None:
        yield from enumerate(rows, start=1)
        return
    for line, row in scan_rows(path):
        if isinstance(row, str) or line is None:
            raise DataError(Problem(line, str(row)).at(path))
        yield line, row


def _json_list(path: str | Path) -> list[Row] | None:
    """The objects of a file that is one JSON list; None if it is not one."""
    text = read_text(path)
    try:
        rows = json.loads(text) if text.lstrip().startswith("[") else None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not valid JSON ({error})") from None
    if rows is not None and not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{path}: the list contains something other than JSON objects")
    return rows


def _converted(release: _Release, released: Row, new_id: str, here: str) -> Row:
    try:
        return release.convert(released, new_id)
    except KeyError as error:
        key = error.args[0]
        if key in ("answer", "answerKey"):
            raise DataError(
                f"{here}: the row has no {key!r}: the test files of {release.title} are released "
                "without answers, import its train or dev file"
            ) from None
        raise DataError(f"{here}: not a row of {release.title}, it has no {key!r}") from None
    except (TypeError, AttributeError, ValueError) as error:
        raise DataError(f"{here}: not a row of {release.title} ({error})") from None


def _multiple_choice(released: Row, new_id: str) -> Row:
    """CommonsenseQA and OpenBookQA: choices with labels, and the label of the right one.

    On the hub the question is plain text, and the choices are two lists beside it.
    """
    question = released["question_stem"] if "question_stem" in released else released["question"]
    if isinstance(question, dict):
        pairs = [(choice["label"], choice["text"]) for choice in question["choices"]]
        question = question["stem"]
    else:
        pairs = _labelled(released["choices"])
    key = released.get("answerKey") or _absent("answerKey")
    texts = [text for label, text in pairs if str(label) == str(key)]
    if len(texts) != 1:
        raise ValueError(f"the answerKey {key!r} does not name exactly one choice")
    row = {
        "id": released["id"],
        "question": question,
        "choices": [text for _, text in pairs],
        "answer": texts[0],
    }
    return _with_facts(row, released, "fact1")


def _labelled(choices: Any) -> list[tuple[Any, Any]]:
    """(label, text) of each choice: two lists side by side, or one list of objects."""
    if isinstance(choices, list):
        return [(choice["label"], choice["text"]) for choice in choices]
    for name in ("label", "text"):
        if not isinstance(choices[name], list):
            raise ValueError(f"the {name} of its choices is {json_name(choices[name])}, not a list")
    return list(zip(choices["label"], choices["text"], strict=True))


def _with_facts(row: Row, released: Row, name: str) -> Row:
    """The row with what ``name`` holds, one text or a list of texts, as the explanation."""
    facts = released.get(name)
    if not facts:
        return row
    texts = facts if isinstance(facts, list) else [facts]
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(f"{name!r} must be text or a list of texts, not {json_name(text)}")
    return {**row, "explanation": " ".join(texts)}


def _strategyqa(released: Row, new_id: str) -> Row:
    answer = released["answer"]
    if isinstance(answer, str):
        answer = _SAID.get(answer.strip().casefold())
    if not isinstance(answer, bool):
        raise ValueError("its answer is not true or false")
    row = {k: released[name] for k, name in (("id", "qid"), ("question", "question"))}
    return _with_facts({**row, "answer": answer}, released, "facts")


def _gsm8k(released: Row, new_id: str) -> Row:
    if not isinstance(released["answer"], str):
        raise ValueError(f"its answer must be text, not {json_name(released['answer'])}")
    solution, marks, answer = released["answer"].rpartition("####")
    if not marks:
        raise ValueError("its answer has no final '#### NUMBER'")
    return {
        "id": new_id,
        "question": released["question"],
        # "1,200" could be read in two ways by whoever opens the file that is written.
        "answer": KINDS["number"].canonical(answer.strip(), ()),
        "explanation": re.sub(r"<<[^<>\n]*>>", "", solution).strip(),
    }


def _absent(key: str) -> Any:
    raise KeyError(key)


OFFICIAL: dict[str, _Release] = {
    "commonsenseqa": _Release("CommonsenseQA", "multiple-choice", _multiple_choice),
    "openbookqa": _Release("OpenBookQA", "multiple-choice", _multiple_choice),
    "strategyqa": _Release("StrategyQA", "yes-no", _strategyqa),
    "gsm8k": _Release("GSM8K", "number", _gsm8k),
}
"""The releases that can be imported, by the name that `import_official` takes."""

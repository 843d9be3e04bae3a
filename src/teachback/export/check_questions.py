"""The questions that a student and its export both answer: a file's, and some that are made to
find what breaks in an export."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from teachback.config import read_config
from teachback.datasets import answerable, read_evaluated, subsample
from teachback.datasets.fields import draft_of
from teachback.datasets.sources import scan_rows
from teachback.errors import DataError, UsageError
from teachback.files import is_file, is_folder, sha256_of
from teachback.questions import render
from teachback.questions.kinds import KINDS
from teachback.records import Example
from teachback.references import parse_dataset
from teachback.runs.folders import training_part
from teachback.students.card import StudentCard
from teachback.students.model import StudentModel

_NOT_ASCII = "Ünïcödé – 你好, γειά, नमस्ते, 🙂\u200d↔ ﬁ"


@dataclass(frozen=True, slots=True)
class CheckFile:
    """``sha256``: None where the questions do not come from a file. ``questions``: how many."""

    name: str
    sha256: str | None
    questions: int


@dataclass(frozen=True, slots=True)
class CheckQuestions:
    """``examples``: those without gold have the answer "". ``files``: where they come from.
    ``made``: how many were added to the files'."""

    examples: tuple[Example, ...]
    files: tuple[CheckFile, ...]
    made: int = 0


def check_questions(
    check: str | None, student: Path, card: StudentCard, at_least: int, fewest: int
) -> CheckQuestions:
    """``at_least`` questions of the file ``check``, or else of what the student was trained on, by
    the configuration of the run folder that it lies in; where those are too few, of what it was
    tested on too, whose gold settles nothing here. ``fewest``: how many an export needs to pass at
    all.

    Raises UsageError where there are none or too few, DataError where the file is not valid.
    """
    sources: list[tuple[str, list[Example]]] = []
    if check is not None:
        sources.append((check, _read(check, card)))
    else:
        run = student.parent / "config.toml"
        if not (is_folder(student) and is_file(run)):
            raise UsageError(
                f"{student} is not in a run folder, so what it was trained on is not known: give "
                "questions with --check FILE"
            )
        config = read_config(run, anchored=False)
        sources.append((config.data.train, training_part(config)))
        if config.data.test is not None and len(sources[0][1]) < at_least:
            known = {example.id for example in sources[0][1]}
            tested = answerable(
                read_evaluated(config.data.test, kind=config.data.kind), card.labels
            )
            sources.append((config.data.test, [each for each in tested if each.id not in known]))
    number = sum(len(found) for _, found in sources)
    if number < at_least:
        raise UsageError(
            f"{' and '.join(source for source, _ in sources)}: {number} questions, and the check "
            f"takes {at_least}: give a larger file with --check FILE, or lower --questions (fewer "
            "say less about the rate of changed answers; within these limits, at least "
            f"{fewest} are needed)"
        )
    examples: list[Example] = []
    files = []
    for source, found in sources:
        chosen = subsample(found, min(at_least - len(examples), len(found)), 0)
        examples += chosen
        remote = parse_dataset(source).is_remote or not is_file(source)
        digest = None if remote else sha256_of(source)
        files.append(CheckFile(Path(source).name, digest, len(chosen)))
    return CheckQuestions(tuple(examples), tuple(files))


def _read(check: str, card: StudentCard) -> list[Example]:
    """A dataset, or questions whose answers nobody knows: no row has one."""
    rows = []
    for line, row in scan_rows(check):
        if isinstance(row, str):
            raise DataError(f"{check}: line {line}: {row}" if line else f"{check}: {row}")
        rows.append((line, row))
    keys = {key.casefold() for _, row in rows for key, value in row.items() if value is not None}
    if not rows or keys & {"answer", "answerkey", "label", "target"}:
        return answerable(read_evaluated(check, kind=card.kind), card.labels)
    kind = KINDS[card.kind or "multiple-choice"]
    labels = card.labels if kind.choices_from == "file" else ()
    found = []
    for line, row in rows:
        try:
            draft = draft_of({**row, "id": row.get("id") or str(line), "answer": "unknown"})
        except ValueError as error:
            raise DataError(f"{check}: line {line}: {error}") from None
        if kind.choices_from == "row" and len(draft.choices) < 2:
            raise DataError(
                f"{check}: line {line}: the student answers {kind.name} questions: give choices"
            )
        found.append(
            Example(draft.id, draft.question, "", kind.name, draft.choices or labels, draft.context)
        )
    return found


def with_made(questions: CheckQuestions, student: StudentModel) -> CheckQuestions:
    """``questions`` and some that are made of their first: with special tokens' texts, with text
    that is not ASCII, with choices of one token, with the longest question that is allowed."""
    first = replace(questions.examples[0], answer="", group=None)
    special = " ".join(dict.fromkeys(student.tokenizer.all_special_tokens[:8]))
    made = [
        replace(first, id="check-special", question=f"{first.question} {special}"),
        replace(first, id="check-not-ascii", question=f"{first.question} {_NOT_ASCII}"),
        _longest(first, student),
    ]
    if KINDS[first.kind].choices_from == "row":
        few = tuple("abcd"[: len(first.choices)])
        made.append(replace(first, id="check-one-token", choices=few))
        odd = tuple(f"{choice} é{n}" for n, choice in enumerate(first.choices))
        made.append(replace(first, id="check-choices-not-ascii", choices=odd))
    fitting = [each for each in made if _tokens(each, student) <= student.card.max_source_tokens]
    return replace(questions, examples=(*questions.examples, *fitting), made=len(fitting))


def _longest(first: Example, student: StudentModel) -> Example:
    """The question said again and again, as often as the student's limit has room for."""
    longest = replace(first, id="check-longest")
    once = _tokens(longest, student)
    more = max(1, _tokens(replace(longest, question=f"{first.question} {first.question}"), student))
    times = 1 + max(0, (student.card.max_source_tokens - once) // max(1, more - once))
    while times > 1:
        longest = replace(longest, question=" ".join([first.question] * times))
        if _tokens(longest, student) <= student.card.max_source_tokens:
            break
        times -= 1
    return longest


def _tokens(example: Example, student: StudentModel) -> int:
    return len(student.source_ids(render(example), "answer"))

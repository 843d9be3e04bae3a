"""How a run folder begins: its data, its configuration and its manifest."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from teachback.config import MEMORY_KEYS, Config, read_config, write_config
from teachback.datasets import open_examples, subsample
from teachback.errors import ConfigError, DataError, RunFolderError
from teachback.files import (
    make_folder,
    manifest,
    new_folder,
    read_json,
    read_text,
    write_json,
    write_text,
)
from teachback.questions import choices_of_file, has_labels
from teachback.records import Example, ReplyReading
from teachback.references import RecordedReference, parse_dataset, parse_teacher
from teachback.system.progress import Notice
from teachback.versioned import checked

STORE = "completions.sqlite"

RUN_FILES = (
    "config.toml",
    "manifest.json",
    "completions.sqlite",
    "completions.sqlite-wal",
    "completions.sqlite-shm",
    "completions.sqlite-lock",
    "explanations.jsonl",
    "rejections.jsonl",
    "selection.json",
    "checkpoints",
    "logs",
    "student",
    "predictions.jsonl",
    "predictions.untrained.jsonl",
    "predictions.majority.jsonl",
    "metrics.json",
)
"""What a run folder may hold; nothing else in such a folder is ever removed."""

_MAY_CHANGE = ("concurrency", "max_cost", "max_reply_mb", "key_header", "prices")
"""Keys of [teacher] that change how a run goes, and nothing that comes out of it."""


def training_part(config: Config) -> list[Example]:
    """The training dataset, or the seeded sample of it that ``data.size`` asks for."""
    return list(training_stream(config))


def training_stream(config: Config) -> Collection[Example]:
    """`training_part`, but read from the file each time that one goes through it; a sample is
    held in memory."""
    examples = open_examples(config.data.train, kind=config.data.kind)
    if config.data.size is not None:
        return subsample(examples, config.data.size, config.train.seed)
    return examples


def begin_folder(
    config: Config,
    folder: Path,
    *,
    overwrite: bool = False,
    grows: bool = False,
    inputs: Mapping[str, Path] | None = None,
) -> None:
    """Write ``config.toml`` and ``manifest.json``, or make sure that those there are ours.

    Concurrency, cap, prices and what only memory depends on may change from one run into a
    folder to the next; with ``grows``, the number of samples may be larger, as long as no student
    is trained from them.
    ``inputs``: further files that the run reads, for the manifest. ``overwrite`` removes all
    that the folder holds of a run, but for the replies, before anything new is written.

    The caller holds the folder (`teachback.files.one_writer`). Raises RunFolderError where it
    belongs to a run with a different configuration or different data.
    """
    text = write_config(config)
    present = folder / "config.toml"
    record = manifest({**_inputs(config), **(inputs or {})}, {"train": config.train.seed})
    if overwrite:
        # The replies stay: they are keyed by what was asked, and were paid for.
        new_folder(folder, True, names=[n for n in RUN_FILES if not n.startswith(STORE)])
    elif present.is_file() and not _continues(present, config, grows):
        raise RunFolderError(
            f"{folder} belongs to a run with a different configuration (its config.toml "
            "differs): choose a different folder, or give --overwrite"
        )
    if present.is_file() and (folder / "manifest.json").is_file():
        before = read_manifest(folder / "manifest.json").inputs
        if {name: one.sha256 for name, one in before.items()} != {
            name: file["sha256"] for name, file in record["inputs"].items()
        }:
            raise RunFolderError(
                f"{folder} was begun on different data (a file has changed since): choose a "
                "different folder, or give --overwrite"
            )
        if read_text(present) != text:
            write_text(present, text)
        return
    make_folder(folder)
    write_json(folder / "manifest.json", record)
    write_text(present, text)


def note_changes(folder: Path, changes: Sequence[str]) -> tuple[str, ...]:
    """Add to the manifest what a teacher sent otherwise than asked; returns all that is noted."""
    file = folder / "manifest.json"
    row = read_json(file)
    noted = checked(Manifest, row, str(file)).teacher_changes
    merged = tuple(dict.fromkeys((*noted, *changes)))
    if merged != tuple(noted):
        write_json(file, {**row, "teacher_changes": list(merged)})
    return merged


def note_reading(folder: Path, reading: ReplyReading) -> None:
    """Add to the manifest how the teacher's replies are read."""
    file = folder / "manifest.json"
    row = read_json(file)
    said = {"conclusions": reading.conclusions, "languages": list(reading.languages)}
    if row.get("reading") != said:
        write_json(file, {**row, "reading": said})


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that a run or a study has read."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What is read of ``manifest.json``, as :func:`teachback.files.manifest` makes it for runs and
    studies. ``inputs``: by what they are for."""

    date: str
    teachback: str | None
    python: str
    platform: str
    packages: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, InputFile] = field(default_factory=dict)
    teacher_changes: tuple[str, ...] = ()


def read_manifest(file: Path) -> Manifest:
    """Raises DataError naming the file and the field."""
    return checked(Manifest, read_json(file), str(file))


def trained_labels(train: Sequence[Example]) -> tuple[str, ...]:
    """The labels of training data; empty where there are none, or no such data."""
    return choices_of_file(train[0]) if train else ()


def check_majority(train: Sequence[Example], test: Sequence[Example]) -> None:
    """Make sure, before any work, that the majority label of ``train`` can answer ``test``. Raises
    DataError where the two are of different kinds."""
    if train and train[0].kind != test[0].kind:
        raise DataError(
            f"the training data is of the kind {train[0].kind} and the test data of the kind "
            f"{test[0].kind}, and the majority label needs one kind: name it (data.kind, --kind), "
            "or leave the baselines out (evaluate.baselines = false, --no-baselines)"
        )


def keep_apart(
    train: Sequence[Example],
    test: Sequence[Example],
    notice: Notice,
    *,
    names: tuple[str, str] = ("data.train", "data.test"),
) -> None:
    """A test set that was trained on measures memory. Some real files share a few rows, which
    is said; raises DataError where half or more of the test questions stand in train. ``names``:
    what the user calls the two.
    """
    shared = test_in_train(train, test)
    if 2 * shared >= len(test):
        raise DataError(
            f"{names[1]}: {shared} of {len(test)} test questions (or their groups) are also in "
            f"{names[0]}: evaluate on different questions"
        )
    if shared:
        notice(f"{shared} of {len(test)} test questions (or their groups) are also in train")


def test_in_train(train: Sequence[Example], test: Sequence[Example]) -> int:
    """How many questions of ``test``, or their groups, stand in ``train``; in another order of
    its choices a question is the same."""

    def identity(example: Example) -> tuple[object, ...]:
        # Labels are those of the whole file, and so say nothing of the question.
        choices = () if has_labels(example) else tuple(sorted(example.choices))
        return example.context, " ".join(example.question.split()), choices

    seen = {identity(example) for example in train}
    groups = {example.group for example in train if example.group is not None}
    return sum(identity(e) in seen or e.group in groups for e in test)


def _inputs(config: Config) -> dict[str, Path]:
    """Every local file that the configuration names, by what it is for."""
    found = {}
    for name, dataset in (("train", config.data.train), ("test", config.data.test)):
        if dataset is not None and not parse_dataset(dataset).is_remote:
            found[name] = Path(dataset)
    if config.teacher.instructions is not None:
        found["instructions"] = Path(config.teacher.instructions)
    found |= recordings_of(config.teacher.reference)
    exemplars = Path(config.teacher.exemplars)
    return found | ({"exemplars": exemplars} if exemplars.is_file() else {})


def recordings_of(teacher: str | None) -> dict[str, Path]:
    """The files of a recorded teacher, by what they are for; of other teachers none."""
    named = None if teacher is None else parse_teacher(teacher)
    if not isinstance(named, RecordedReference):
        return {}
    return {f"recorded {number}": Path(file) for number, file in enumerate(named.files)}


def _continues(present: Path, config: Config, grows: bool) -> bool:
    """Whether ``config`` may continue what the configuration in ``present`` has begun."""
    try:
        before = read_config(present, anchored=False)
    except ConfigError:
        return False
    keys = list(_MAY_CHANGE)
    grown = config.teacher.samples > before.teacher.samples
    if grows and grown and not (present.parent / "student").exists():
        keys.append("samples")
    changed = {key: getattr(config.teacher, key) for key in keys}
    teacher = before.teacher.model_copy(update=changed)
    # A run that did not fit continues with less.
    train = before.train.model_copy(update={key: getattr(config.train, key) for key in MEMORY_KEYS})
    # As does one whose trimmed vocabulary would have lacked too much; the limit changes no student.
    student = before.student.model_copy(update={"trim_limit": config.student.trim_limit})
    again = {"teacher": teacher, "train": train, "student": student}
    return before.model_copy(update=again) == config

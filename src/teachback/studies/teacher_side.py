"""The teacher's side of a study: explanations asked for once, and the teacher as a baseline.

It runs before the cells, in the study's own process: a store has one writer.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from teachback.datasets import answerable, read_evaluated, read_examples, split_set_aside, subsample
from teachback.errors import ConfigError, DataError, TeachbackError
from teachback.explaining.counts import SelectionCounts
from teachback.explaining.session import TeacherSession, TeacherSetup, configured_teacher
from teachback.files import (
    read_explanations,
    read_rejections,
    sha256_of,
    write_explanations,
    write_rejections,
)
from teachback.records import Example, RequestKind
from teachback.references import (
    RecordedReference,
    expanded,
    parse_dataset,
    parse_student,
    parse_teacher,
)
from teachback.runs.evaluations import write_evaluation
from teachback.runs.explanations import Selected, check_answered, explain_in_memory
from teachback.runs.folders import STORE, trained_labels
from teachback.studies.cell import result_begun
from teachback.studies.config import DatasetConfig, StudyFile, run_config
from teachback.studies.packing import explanations_digest, left_out_digest
from teachback.studies.planned import DatasetTeacher, Material, PlannedCell, StudyDataset, slug
from teachback.studies.schema import (
    COST_FILE,
    MATERIAL_FILE,
    RESULT_FILE,
    CellResult,
    MaterialRecord,
    Status,
    TeacherCost,
    cell_folder,
    digest_of,
    has_begun_training,
)
from teachback.system.progress import SILENT, Progress


def read_dataset(config: DatasetConfig) -> StudyDataset:
    """Read a dataset, both files; raises DataError where one is not valid."""
    whole = read_examples(config.train, kind=config.kind)
    test = read_evaluated(config.test, kind=config.kind)
    try:
        train, aside = split_set_aside(whole, config.set_aside)
    except DataError as error:
        raise ConfigError(f"dataset {config.name!r}: set_aside: {error}") from None
    hashes = _sha256(config.train, whole), _sha256(config.test, test)
    asked = answerable(test, trained_labels(whole))
    return StudyDataset(config, train, asked, *hashes, aside)


def _sha256(file: str, examples: Sequence[Example]) -> str:
    """Of the file; of its rows, where it is on the model hub."""
    if not parse_dataset(file).is_remote:
        return sha256_of(file)
    return hashlib.sha256(repr(list(examples)).encode()).hexdigest()


def check_teachers(study: StudyFile, needed: Collection[str]) -> None:
    """Make sure that the teachers of the study can be asked whose references are ``needed``;
    raises as `Teacher.check_ready`."""
    for data in study.dataset:
        for reference in study.teachers_of(data):
            if reference not in needed:
                continue
            config = run_config(study, data, teacher=reference)
            configured_teacher(config.teacher).check_ready()


def teachers_of(study: StudyFile, data: StudyDataset) -> dict[tuple[str, str], DatasetTeacher]:
    """(dataset, reference) → how each of the dataset's teachers is asked about it."""
    found = {}
    for reference in study.teachers_of(data.config):
        config = run_config(study, data.config, teacher=reference)
        setup = TeacherSetup.from_config(
            config.teacher, config.selection, data.kind, asked=data.train
        )
        # A recording is known by its content, wherever it lies; a server by its reference.
        label = f"recorded:{setup.teacher.model}" if is_recorded(reference) else reference
        prompts = digest_of({"prompts": repr(setup.prompts)})[:16]
        found[data.name, reference] = DatasetTeacher(reference, label, prompts)
    return found


def is_recorded(teacher: str) -> bool:
    """Whether a teacher's reference leads to recordings: nothing is asked of a model."""
    return isinstance(parse_teacher(teacher), RecordedReference)


def student_label(reference: str) -> str:
    """A student's reference; of local weights their name and the beginning of their hash."""
    named = parse_student(reference)
    if not named.files:
        return reference
    path = expanded(named.files[0])
    return f"{path.name}@{sha256_of(path)[:8]}"


@dataclass
class TeacherSide:
    """All of a study's asking, into ``folder``."""

    study: StudyFile
    data: Mapping[str, StudyDataset]
    folder: Path
    progress: Progress = SILENT

    def explain(
        self, material: Material, cells: Iterable[PlannedCell], mates: Sequence[PlannedCell]
    ) -> None:
        """Make sure that ``material`` holds explanations for all that ``cells`` train on.

        What is there stays as it is once one of ``mates``, all that train on it, has; before
        that, what the teacher failed to answer is asked again. Raises as
        `teachback.runs.explanations.explain` does, and DataError where explanations that were left
        out of a packed study cannot be made again.
        """
        goal = self.folder / "material" / material.slug
        selection = goal / "selection.json"
        if selection.is_file() and not (goal / "explanations.jsonl").is_file():
            self._explain_again(material, mates, goal)
        examples = self._needed(material, cells)
        if selection.is_file() and not self._is_used(mates):
            rejections = read_rejections(goal / "rejections.jsonl")
            if any(rejection.reason == "failed" for rejection in rejections):
                selection.unlink()  # all is selected again; replies are stored
        before = MATERIAL_FILE.read(selection) if selection.is_file() else None
        if before is not None:
            there = {e.id for e in read_explanations(goal / "explanations.jsonl")}
            there |= {r.id for r in read_rejections(goal / "rejections.jsonl")}
            there -= set(before.adding)
            examples = [example for example in examples if example.id not in there]
            if not examples:
                return
            # Sizes or seeds were added to the study: only what is new is asked and selected.
        # A few new examples may well all be without a reply; all of them may not.
        explained = self._explain(material, examples, check=before is None)
        _add(explained, goal, before)
        counts = explained.summary if before is None else before + explained.summary
        MATERIAL_FILE.write(selection, material_record(material, counts))

    def _explain_again(self, material: Material, cells: Iterable[PlannedCell], goal: Path) -> None:
        """Make again the explanations that were left out when the study was packed."""
        explained = self._explain(material, self._needed(material, cells), check=True)
        before = left_out_digest(self.folder, goal.name)
        if before is not None and explanations_digest(explained.explanations) != before:
            raise DataError(
                f"the explanations of {goal.name} were left out when this study was packed, and "
                "the teacher now gives different ones: run the study file that was packed, with "
                "the same recording, or begin again in a different folder"
            )
        _add(explained, goal, None)

    def _is_used(self, cells: Iterable[PlannedCell]) -> bool:
        """Whether one of ``cells`` has begun to train."""
        return any(has_begun_training(cell_folder(self.folder, cell.hash)) for cell in cells)

    def _needed(self, material: Material, cells: Iterable[PlannedCell]) -> list[Example]:
        train = self.data[material.dataset].train
        ids: set[str] = set()
        for size, seed in {(c.spec.size, c.spec.seed) for c in cells}:
            part = train if size is None else subsample(train, size, seed or 0)
            ids |= {example.id for example in part}
        return [example for example in train if example.id in ids]

    def _explain(self, material: Material, examples: Sequence[Example], *, check: bool) -> Selected:
        data = self.data[material.dataset]
        config = run_config(
            self.study,
            data.config,
            teacher=material.teacher.reference,
            strategy=material.strategy,
        )
        setup = TeacherSetup.from_config(
            config.teacher, config.selection, data.kind, asked=data.train
        )
        place = self._place(material.teacher)
        started = time.monotonic()
        with setup.open(place / STORE) as session:
            try:
                selected = explain_in_memory(examples, session, progress=self.progress)
            finally:
                _bill(place, material.teacher, session, time.monotonic() - started)
            if check:
                check_answered(selected.summary, config.teacher.reference, session.store)
        return selected

    def ask(self, cell: PlannedCell) -> CellResult:
        """Run a cell of the prompted teacher; writes its files and returns its result."""
        goal = cell_folder(self.folder, cell.hash)
        started, result = time.monotonic(), result_begun("local")
        try:
            error = self._ask(cell, goal)
            if error is not None:
                recorded = cell.teacher is not None and is_recorded(cell.teacher.reference)
                status: Status = "not-available" if recorded else "failed"
                result = replace(result, status=status, error=error)
        except TeachbackError as failure:
            result = replace(result, status="failed", error=str(failure))
        seconds = time.monotonic() - started
        result = replace(result, seconds=seconds, seconds_evaluate=seconds)
        RESULT_FILE.write(goal / "result.json", result)
        return result

    def _ask(self, cell: PlannedCell, goal: Path) -> str | None:
        """Ask, and write the evaluation; what is wrong where not one reply came."""
        from teachback.systems import predict_by_prompting

        if cell.teacher is None:
            raise AssertionError("a prompted teacher's cell has a teacher")
        data = self.data[cell.spec.dataset]
        config = cell.config
        setup = TeacherSetup.from_config(
            config.teacher, config.selection, data.kind, asked=data.train
        )
        place = self._place(cell.teacher)
        chain = cell.control == "teacher-cot"
        started = time.monotonic()
        with setup.open(place / STORE) as session:
            try:
                predictions = predict_by_prompting(
                    session,
                    data.test,
                    explain=chain,
                    direct=not chain,
                    progress=self.progress,
                )
            finally:
                _bill(place, cell.teacher, session, time.monotonic() - started)
            kind: RequestKind = "cote" if chain else "direct"
            without = sum(not session.has_reply(example, kind) for example in data.test)
            recorded = is_recorded(cell.teacher.reference)
            # A recording's holes stay: those count as wrong. A server can be asked again.
            if without and (without == len(data.test) or not recorded):
                last = [failure.error for failure in session.store.failures()][-1:]
                return (
                    f"no reply to {without} of {len(data.test)} test questions "
                    f"({last[0] if last else 'none was stored'})"
                )
        write_evaluation(goal, {"student": predictions}, {}, "direct", data.kind)
        return None

    def _place(self, teacher: DatasetTeacher) -> Path:
        place = self.folder / "teachers" / teacher_slug(teacher)
        place.mkdir(parents=True, exist_ok=True)
        return place


def teacher_slug(teacher: DatasetTeacher) -> str:
    """The name of a teacher's folder."""
    return slug(teacher.label, digest_of({"teacher": teacher.label})[:8])


def _add(explained: Selected, goal: Path, before: MaterialRecord | None) -> None:
    """Write explanations and rejections, beside those of ``before``."""
    explanations, rejections = goal / "explanations.jsonl", goal / "rejections.jsonl"
    if before is None:
        write_rejections(rejections, explained.rejections)
        write_explanations(explanations, explained.explanations)
        return
    new = {e.id for e in explained.examples}
    # Of a run that is killed between two of the files: these are not there yet.
    adding = replace(before, adding=tuple(sorted(new)))
    MATERIAL_FILE.write(goal / "selection.json", adding)
    kept = [e for e in read_explanations(explanations) if e.id not in new]
    dropped = [r for r in read_rejections(rejections) if r.id not in new]
    write_rejections(rejections, [*dropped, *explained.rejections])
    write_explanations(explanations, [*kept, *explained.explanations])


def material_record(material: Material, counts: SelectionCounts) -> MaterialRecord:
    """What ``selection.json`` says of explanations that came to these counts."""
    return MaterialRecord(
        **{name: getattr(counts, name) for name in SelectionCounts.__dataclass_fields__},
        dataset=material.dataset,
        teacher=material.teacher.label,
        train_sha256=material.train_sha256,
        prompts=material.teacher.prompts,
        samples=material.samples,
        selection=material.selection,
    )


def _bill(place: Path, teacher: DatasetTeacher, session: TeacherSession, seconds: float) -> None:
    """``cost.json``: what this teacher's replies have taken, over all runs of the study."""
    file = place / "cost.json"
    before = COST_FILE.read(file).seconds if file.is_file() else 0.0
    usage = session.store.usage(session.teacher.model)
    price = session.price
    used = (usage.tokens_in, usage.tokens_out, usage.tokens_cached)
    if is_recorded(teacher.reference):
        used = (0, 0, 0)  # nothing was asked of a model
    cost = TeacherCost(
        teacher=teacher.label,
        requests=usage.replies,
        lost=usage.lost,
        tokens_in=used[0],
        tokens_out=used[1],
        tokens_cached=used[2],
        dollars=None if price is None else price.dollars(*used),
        seconds=before + seconds,
    )
    COST_FILE.write(file, cost)

"""The settings of the Python functions: typed as the configuration is, and refused as clearly."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

import teachback as tb
from teachback.api import settings
from teachback.api.settings import Named
from teachback.config import SECTIONS
from teachback.errors import (
    ConfigError,
    DataError,
    ReferenceError_,
    RunFolderError,
    StoreError,
)
from teachback.teachers.scripted import ScriptedTeacher

STEPS: list[tuple[type[Any], Mapping[str, Named]]] = [
    (tb.GenerateSettings, settings.GENERATE),
    (tb.TrainSettings, settings.TRAIN),
    (tb.EvaluateSettings, settings.EVALUATE),
    (tb.EvaluateTeacherSettings, settings.EVALUATE_TEACHER),
]

ARGUMENTS = {
    "data.train": tb.read_examples,
    "data.test": tb.read_examples,
    "data.kind": tb.read_examples,
    "data.size": tb.subsample,
    "teacher.reference": tb.generate,
    "teacher.exemplars": tb.generate,
    "teacher.instructions": tb.generate,
    "selection.strategy": tb.generate,
    "student.reference": tb.train,
    "train.objective": tb.train,
}
"""Keys that are arguments of their own, and of which function; under these names, but for:"""
NAMED = {
    "data.train": "data",
    "data.test": "data",
    "teacher.reference": "teacher",
    "student.reference": "student",
}

EXAMPLES = [tb.Example(f"q{n}", f"Is {n} odd?", ("no", "yes")[n % 2], "yes-no") for n in range(9)]


def _kinds(annotation: Any) -> set[Any]:
    """What a value may be: types, and the values of a Literal; without Path, which stands for
    the text of a file's name."""
    parts = get_args(annotation) if get_origin(annotation) is not Literal else ()
    if not parts:
        return set(get_args(annotation)) or {annotation}
    return set().union(*map(_kinds, parts)) - {Path}


@pytest.mark.parametrize(("typed", "places"), STEPS)
def test_the_types_are_those_of_the_configuration(
    typed: type[Any], places: Mapping[str, Named]
) -> None:
    hints = get_type_hints(typed)
    fields = {
        key: SECTIONS[section].model_fields[key].annotation
        for section, keys in places.items()
        for key in keys
    }
    assert list(hints) == list(fields) or set(hints) == set(fields)
    for key, annotation in fields.items():
        assert _kinds(hints[key]) == _kinds(annotation), key


def test_every_key_of_the_configuration_can_be_reached() -> None:
    reached = {
        f"{section}.{key}"
        for _, places in STEPS
        for section, keys in places.items()
        for key in keys
    }
    every = {f"{name}.{key}" for name, model in SECTIONS.items() for key in model.model_fields}
    assert every == reached | set(ARGUMENTS)
    for key, function in ARGUMENTS.items():
        name = NAMED.get(key, key.partition(".")[2])
        assert name in inspect.signature(function).parameters, key


def test_settings_reach_what_they_are_for(tmp_path: Path) -> None:
    teacher = ScriptedTeacher(lambda _request: "Halves leave one over here. The answer is yes.")
    found = tb.generate(
        EXAMPLES,
        teacher=teacher,
        store=tmp_path / "s.sqlite",
        strategy="cote",
        samples=2,
        temperature=0.5,
        max_tokens=77,
        choose="all",
        exemplars="none",
        instructions="Be kind.",
        max_words=2,
    )
    request = teacher.asked[0]
    assert (request.sampling.temperature, request.sampling.max_tokens) == (0.5, 77)
    assert {one.sample for one in teacher.asked} == {0, 1}
    assert any("Be kind." in message.content for message in (*request.prefix, *request.messages))
    assert found.counts.rejected["too-long"] == 2 * 4  # of the four odd ones


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: tb.train(EXAMPLES, objective="st", epoch=3),
            "train(): unknown setting 'epoch'; did you mean 'epochs'?",
        ),
        (
            lambda: tb.evaluate("student", EXAMPLES, baseline=True),
            "evaluate(): unknown setting 'baseline'; did you mean 'baselines'?",
        ),
        (
            lambda: tb.generate(EXAMPLES, teacher="scripted", store="s", tempreture=1),
            "generate(): unknown setting 'tempreture'; did you mean 'temperature'?",
        ),
        (
            lambda: tb.train(EXAMPLES, objective="st", zzz=1),
            "train(): unknown setting 'zzz'; known here: valid_fraction, precision, ",
        ),
        (
            lambda: tb.train(EXAMPLES, objective="st", epochs="three"),
            "train(): train.epochs = 'three': input should be a valid number",
        ),
        (
            lambda: tb.train(EXAMPLES, objective="st", valid_fraction=0.9),
            "train(): data.valid_fraction = 0.9: input should be less than or equal to 0.5",
        ),
        (
            lambda: tb.train(EXAMPLES, objective="st", lora_rank=8),
            "train(): lora_rank means nothing here: it shapes an adapter, and lora is not set",
        ),
        (
            lambda: tb.train(EXAMPLES, objective="st", alpha=0.3),
            "train(): alpha means nothing here: st has only one task",
        ),
        (
            lambda: tb.train(EXAMPLES, objective="st", permute=True),
            "train(): permute means nothing here: st does not learn from explanations",
        ),
        (
            lambda: tb.train(EXAMPLES, objective="mt-cot", removal_jitter=1.0),
            "train(): removal_jitter means nothing here: mt-cot removes nothing from explanations",
        ),
        (
            lambda: tb.train(EXAMPLES, objective="st", overwrite=True),
            "train(): overwrite means nothing here: there is no folder",
        ),
        (
            lambda: tb.evaluate("student", EXAMPLES, explain=False, max_new_tokens=9),
            "evaluate(): max_new_tokens means nothing here: nothing is explained",
        ),
        (
            lambda: tb.evaluate("student", EXAMPLES, train=EXAMPLES, baselines=False),
            "evaluate(): train means nothing here: it is for the majority label",
        ),
        (
            lambda: tb.generate(
                EXAMPLES, teacher="scripted", store="s", strategy="cote", rp_check=False
            ),
            "generate(): rp_check means nothing here: cote sends no rp requests",
        ),
        (
            lambda: tb.generate(EXAMPLES, teacher=ScriptedTeacher([]), store="s", form="text"),
            "generate(): form means nothing here: the teacher is an object already",
        ),
        (
            lambda: tb.generate(EXAMPLES, teacher="scripted", store="s", strategy="crap"),
            "generate(): selection.strategy = 'crap': input should be 'cote', 'rp' or 'crop'",
        ),
        (
            lambda: tb.generate(EXAMPLES, teacher="scripted", store="s", instructions="rules.txt"),
            "generate(): instructions must be text, and 'rules.txt' is a file: give "
            "Path('rules.txt')",
        ),
        (
            lambda: tb.generate(EXAMPLES, teacher="scripted", store="s", exemplars=EXAMPLES),
            "generate(): exemplars: Example is not an Exemplar: read_exemplars makes them from "
            "rows",
        ),
        (
            lambda: tb.train(EXAMPLES, objective="st", report_to="tensorboard"),
            "train(): report_to 'tensorboard' writes files: give a folder",
        ),
        (
            lambda: tb.study({"study": {"objectives": ["st"]}, "dataset": []}, jobs=0),
            "study: ",
        ),
    ],
)
def test_what_is_unknown_or_means_nothing_is_refused(
    call: Any, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rules.txt").write_text("Be kind.", "utf-8")
    before = set(tmp_path.iterdir())
    with pytest.raises(ConfigError) as caught:
        call()
    assert str(caught.value).startswith(message)
    assert set(tmp_path.iterdir()) == before  # nothing was begun


LONG = "x" * 300
"""No file can have this name."""

ROWS = [{"id": "a", "question": "Is 2 odd?", "answer": "no"}]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: tb.generate(ROWS, teacher="scripted", store="s", exemplars=LONG),
            ConfigError,
            "no exemplars",
        ),
        (lambda: tb.select(ROWS, store=LONG), StoreError, "there is no such completion store"),
        (lambda: tb.evaluate(LONG, ROWS), ReferenceError_, "there is no folder"),
        (lambda: tb.Student.load(f"gguf:{LONG}"), ReferenceError_, "File name too long"),
        (lambda: tb.Student.load(f"trimmed:{LONG}"), ReferenceError_, "not in the cache"),
        (
            lambda: tb.generate(ROWS, teacher=f"gguf:{LONG}", store="s"),
            ReferenceError_,
            "name too long",
        ),
        (lambda: tb.report(LONG), RunFolderError, "there is no such folder"),
        (lambda: tb.compare(LONG, LONG), DataError, "name too long"),
        (lambda: tb.pack_study(LONG, "out"), RunFolderError, "not a study's folder"),
    ],
)
def test_what_no_file_can_be_named_is_no_file(
    call: Callable[[], object],
    error: type[Exception],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        call()


def test_train_without_baselines_is_refused_of_a_teacher_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"evaluate_teacher\(\): train means nothing here"):
        tb.evaluate_teacher(
            "scripted", ROWS, store=tmp_path / "s.sqlite", train=ROWS, baselines=False
        )


def test_instructions_may_be_long(tmp_path: Path) -> None:
    told = "Say what speaks for each choice before you conclude. " * 6
    teacher = ScriptedTeacher(lambda _: "It is. The answer is yes.")
    tb.generate(EXAMPLES, teacher=teacher, store=tmp_path / "s.sqlite", instructions=told)
    found = tb.select(EXAMPLES, store=tmp_path / "s.sqlite", instructions=told)
    assert found.counts.asked > 0

"""Results as rows, frames, files and words; students asked one question or many."""

from __future__ import annotations

import asyncio
import builtins
import json
from pathlib import Path
from typing import Any

import pytest

import teachback as tb
from teachback.errors import ConfigError, DataError, MissingExtraError, RunFolderError
from teachback.teachers.scripted import ScriptedTeacher
from tiny import tiny_causal
from tiny_run import TEST, TRAIN, question, write_data

pytestmark = pytest.mark.usefixtures("one_thread")

TRAIN_ROWS = [question(number) for number in range(TRAIN)]
TEST_ROWS = [question(100 + number, "t") for number in range(TEST)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    write_data(folder)
    tiny_causal(folder / "tiny", "gemma3")
    return folder


@pytest.fixture(scope="module")
def found(root: Path) -> tb.Generated:
    return tb.generate(
        TRAIN_ROWS,
        teacher=f"recorded:{root / 'teacher.jsonl'}",
        strategy="crop",
        store=root / "s.sqlite",
    )


@pytest.fixture(scope="module")
def student(root: Path, found: tb.Generated) -> tb.Student:
    return tb.train(
        TRAIN_ROWS,
        found.to_rows(),
        student=root / "tiny",
        epochs=1,
        max_target_tokens=48,
        max_new_tokens=8,
        progress=False,
    )


@pytest.fixture(scope="module")
def evaluated(student: tb.Student) -> tb.Evaluation:
    return tb.evaluate(student, TEST_ROWS, train=TRAIN_ROWS, max_new_tokens=8)


# ------------------------------------------------------------------ in words


def test_results_are_words(
    found: tb.Generated, student: tb.Student, evaluated: tb.Evaluation
) -> None:
    assert repr(found) == (
        "crop: 11 explanations kept of 18 replies, for 11 of 12 examples; rejected: "
        "6 wrong-answer, 1 failed"
    )
    own, base = evaluated.metrics, evaluated.baselines
    lines = repr(evaluated).splitlines()
    assert lines[0].startswith(f"student: direct {own.direct.accuracy:.3f} [")
    assert lines[0].endswith(f" of 6 right; default way: {student.card.way}")
    majority = base["majority"].metrics.direct.accuracy
    assert lines[1] == (
        f"baselines: untrained {base['untrained'].metrics.direct.accuracy:.3f}, "
        f"majority {majority:.3f}"
    )
    assert repr(student).startswith(
        f"student {student.card.base}, trained with mt-cot; default way: "
    )
    compared = tb.compare(evaluated, evaluated.baselines["majority"], names=("MT-CoT", "majority"))
    assert repr(compared).startswith("MT-CoT minus majority (direct answers): ")
    for one in (found, evaluated, compared, student, evaluated.metrics):
        assert len(repr(one)) < 400
        assert len(repr(one).splitlines()) <= 2


# ------------------------------------------------------------------ rows and frames


def test_rows_are_those_of_the_files(
    found: tb.Generated, evaluated: tb.Evaluation, tmp_path: Path
) -> None:
    assert len(found.to_rows()) == 11
    tb.write_explanations(tmp_path / "e.jsonl", found.explanations)
    assert tuple(tb.read_explanations(tmp_path / "e.jsonl")) == found.explanations
    assert {row["reason"] for row in found.rejections_to_rows()} == {"wrong-answer", "failed"}
    tb.write_predictions(tmp_path / "p.jsonl", evaluated.predictions)
    assert tb.read_predictions(tmp_path / "p.jsonl") == evaluated.predictions
    [row] = tb.compare(evaluated, evaluated).to_rows()
    assert (row["difference"], row["n_items"]) == (0.0, TEST)


def test_frames_in_and_out(evaluated: tb.Evaluation, found: tb.Generated, root: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = evaluated.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame["id"]) == [row["id"] for row in TEST_ROWS]
    forms = [frame, evaluated.to_rows(), evaluated.predictions]
    forms.append(pytest.importorskip("polars").DataFrame(evaluated.to_rows()))
    forms.append(pytest.importorskip("datasets").Dataset.from_list(evaluated.to_rows()))
    for form in forms:
        assert tb.compare(form, evaluated.predictions, way="explained").discordance == 0
        assert tb.compare(form, evaluated.baselines["majority"]).difference == pytest.approx(
            evaluated.metrics.direct.accuracy
            - evaluated.baselines["majority"].metrics.direct.accuracy
        )
    kept = pytest.importorskip("polars").DataFrame(found.to_rows())
    other = tb.train(
        pandas.DataFrame(TRAIN_ROWS), kept, student=root / "tiny", epochs=1, max_target_tokens=48
    )
    assert other.card.objective == "mt-cot"


def test_without_pandas_a_line_says_so(
    evaluated: tb.Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def no_pandas(name: str, *rest: Any) -> Any:
        if name == "pandas":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", no_pandas)
    with pytest.raises(MissingExtraError, match=r"pip install 'teachback\[pandas\]'"):
        evaluated.to_pandas()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"id": "a"}], "the explanations, row 1: the field 'strategy' is missing"),
        (["text"], "the explanations, row 1: a row must be a dictionary, not str"),
        (7, "the explanations: rows cannot be read from 7"),
    ],
)
def test_bad_explanations_are_one_line(rows: Any, message: str) -> None:
    with pytest.raises(DataError) as caught:
        tb.train(TRAIN_ROWS, rows, student="pypi:none")
    assert str(caught.value).startswith(message)


# ------------------------------------------------------------------ folders


def test_saved_evaluations_are_compared_as_folders(
    evaluated: tb.Evaluation, tmp_path: Path
) -> None:
    for seed in (0, 1):
        evaluated.save(tmp_path / "a" / str(seed), overwrite=True)
    with pytest.raises(RunFolderError, match="two runs of seed 0"):
        tb.compare(tmp_path / "a", evaluated)
    one = tmp_path / "a" / "0"
    assert {path.name for path in one.iterdir()} == {
        "predictions.jsonl",
        "predictions.untrained.jsonl",
        "predictions.majority.jsonl",
        "metrics.json",
    }
    assert tb.compare(one, evaluated, way="chosen").discordance == 0
    assert tb.compare(one / "predictions.jsonl", evaluated).discordance == 0
    with pytest.raises(RunFolderError, match="already holds"):
        evaluated.save(one)
    with pytest.raises(DataError, match="the way of answering that it chose is not known"):
        tb.compare(one / "predictions.jsonl", evaluated, way="chosen")


@pytest.mark.parametrize(
    ("keys", "settings", "message"),
    [
        (("x",), {}, "'x' is no seed"),
        ((True,), {}, "True is no seed"),
        ((1, "1"), {}, "seed 1 is given twice"),
        ((1,), {"names": ("A",)}, "give two texts"),
        ((1,), {"names": "AB"}, "give two texts"),
    ],
)
def test_seeds_and_names_are_checked(
    evaluated: tb.Evaluation, keys: tuple[Any, ...], settings: dict[str, Any], message: str
) -> None:
    system = dict.fromkeys(keys, evaluated)
    with pytest.raises(ConfigError, match=message):
        tb.compare(system, system, **settings)


def test_a_run_s_folder_stands_for_its_student(root: Path) -> None:
    trained = tb.train(
        tb.read_examples(root / "train.jsonl"),
        student=root / "tiny",
        objective="st",
        epochs=1,
        folder=root / "run",
    )
    loaded = tb.Student.load(root / "run")
    assert loaded.card == trained.card
    asked = {"choices": ["red", "green"]}
    assert loaded.answer("Which?", **asked) == trained.answer("Which?", **asked)
    assert tb.evaluate(root / "run", TEST_ROWS, baselines=False).predictions


def test_an_evaluation_names_the_student_s_own_folder(
    root: Path, student: tb.Student, evaluated: tb.Evaluation, tmp_path: Path
) -> None:
    # In memory alone it has none; the base is a different student.
    evaluated.save(tmp_path / "memory")
    assert "student" not in evaluated.asked
    assert "student" not in json.loads((tmp_path / "memory" / "metrics.json").read_text("utf-8"))
    own = tmp_path / "trained"
    trained = tb.train(TRAIN_ROWS, student=root / "tiny", objective="st", epochs=1, folder=own)
    for asked in (trained, tb.Student.load(own), own):
        found = tb.evaluate(asked, TEST_ROWS, baselines=False)
        assert found.asked["student"] == str(own / "student")


def test_answers_drawn_in_different_ways_are_not_compared(
    student: tb.Student, evaluated: tb.Evaluation
) -> None:
    other = tb.evaluate(student, TEST_ROWS, explain=False, choice_score="mean", baselines=False)
    assert other.baselines == {}
    with pytest.raises(ConfigError, match=r"different values of choice_score \(mean, sum\)"):
        tb.compare(other, evaluated)
    german = tb.evaluate(student, TEST_ROWS, explain=False, languages=("de",), baselines=False)
    assert german.asked["languages"] == ("en", "de")
    with pytest.raises(ConfigError, match=r"values of languages \(en, en and de\)"):
        tb.compare(german, evaluated)


# ------------------------------------------------------------------ asking


def test_many_questions_are_answered_as_each_alone(student: tb.Student) -> None:
    questions = [row["question"] for row in TEST_ROWS]
    choices = [list(row["choices"])[: 2 + number % 2] for number, row in enumerate(TEST_ROWS)]
    contexts = [None if number % 2 else "Look." for number in range(TEST)]
    many = student.answer(questions, choices=choices, context=contexts, batch_size=2)
    alone = [
        student.answer(*one[:1], choices=one[1], context=one[2])
        for one in zip(questions, choices, contexts, strict=True)
    ]
    assert [one.answer for one in many] == [one.answer for one in alone]
    for one, other in zip(many, alone, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)
    assert student.answer([]) == []
    shared = student.answer(questions, choices=("red", "green"), explain=True)
    assert all(one.explanation is not None for one in shared)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"question": ["a?", "b?"], "choices": [["x", "y"]]}, "choices: there are 1 of them for 2"),
        (
            {"question": ["a?"], "choices": ["x", "y"], "context": ["one", "two"]},
            "context: there are 2 of them for 1 questions",
        ),
        ({"question": "a?", "choices": [["x", "y"]]}, "choices must be texts: lists of them go"),
        ({"question": "a?", "choices": "xy"}, "choices must be a list of texts, not 'xy'"),
        ({"question": "a?", "choices": ["x", "y"], "context": ["one"]}, "context must be text"),
        ({"question": "  ", "choices": ["x", "y"]}, "question 1 is empty"),
        ({"question": "a?"}, "this student answers multiple-choice questions: give two or more"),
        ({"question": ["a?"], "choices": ["x", "y"], "batch_size": 0}, "batch_size must be 1"),
    ],
)
def test_what_cannot_be_asked_is_one_line(
    student: tb.Student, asked: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError) as caught:
        student.answer(asked.pop("question"), **asked)
    assert str(caught.value).startswith(message)


# ------------------------------------------------------------------ selecting, prompting, loops


def test_selecting_again_asks_nothing(found: tb.Generated, root: Path) -> None:
    again = tb.select(TRAIN_ROWS, store=root / "s.sqlite")
    assert (again.explanations, again.rejections) == (found.explanations, found.rejections)
    [name] = {one.teacher for one in found.explanations}
    cote = tb.select(TRAIN_ROWS, store=root / "s.sqlite", strategy="cote", teacher=name)
    assert {one.strategy for one in cote.explanations} == {"cote"}
    assert len(cote.explanations) == TRAIN // 2
    assert cote.asked is None
    reference = f"recorded:{root / 'teacher.jsonl'}"
    named = tb.select(TRAIN_ROWS, store=root / "s.sqlite", teacher=reference)
    assert named.explanations == found.explanations
    other = tb.select(TRAIN_ROWS, store=root / "s.sqlite", exemplars="none")
    assert repr(other).endswith("; 12 not asked")
    with pytest.raises(ConfigError, match=r"holds the replies of big@\w+, and none of 'small'"):
        tb.select(TRAIN_ROWS, store=root / "s.sqlite", teacher="small")
    with pytest.raises(ConfigError, match="max_cost means nothing here: nothing is asked"):
        tb.select(TRAIN_ROWS, store=root / "s.sqlite", max_cost=1.0)


def test_a_prompted_teacher_is_evaluated(root: Path, tmp_path: Path) -> None:
    said = tb.evaluate_teacher(
        ScriptedTeacher(lambda _request: "The answer is (A) red."),
        TEST_ROWS,
        train=TRAIN_ROWS,
        store=tmp_path / "t.sqlite",
    )
    right = sum(row["answer"] == "red" for row in TEST_ROWS)
    assert said.metrics.direct.right == right
    assert said.metrics.explained is not None
    assert set(said.baselines) == {"majority"}
    said.save(tmp_path / "out")
    assert tb.compare(tmp_path / "out", said).discordance == 0


def test_generating_within_a_loop_and_awaited_is_the_same(root: Path, tmp_path: Path) -> None:
    def teacher() -> ScriptedTeacher:
        return ScriptedTeacher(
            lambda _request: (
                "Numbers take turns, and this one begins a round.\nThe answer is (A) red."
            )
        )

    async def cell() -> tuple[tb.Generated, tb.Generated]:
        within = tb.generate(TRAIN_ROWS, teacher=teacher(), store=tmp_path / "a.sqlite")
        awaited = await tb.agenerate(TRAIN_ROWS, teacher=teacher(), store=tmp_path / "b.sqlite")
        with pytest.raises(DataError, match="the data: there are no rows"):
            tb.generate([], teacher=teacher(), store=tmp_path / "c.sqlite")
        return within, awaited

    within, awaited = asyncio.run(cell())
    plain = tb.generate(TRAIN_ROWS, teacher=teacher(), store=tmp_path / "d.sqlite")
    assert within.explanations == awaited.explanations == plain.explanations
    assert len(plain.explanations) == 4


def test_progress_is_shown_only_where_it_is_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def generate(progress: bool | None) -> str:
        tb.generate(
            TRAIN_ROWS,
            teacher=ScriptedTeacher(lambda _request: "So.\nThe answer is (A) red."),
            store=tmp_path / f"{progress}.sqlite",
            progress=progress,
        )
        shown = capsys.readouterr()
        assert shown.out == ""
        return shown.err

    assert generate(None) == generate(False) == ""  # neither a terminal nor a notebook
    assert "12/12 examples" in generate(True)

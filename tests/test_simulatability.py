"""Simulatability: LAS by hand, what simulators read, and the command with tiny students."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import tiny_run
from teachback.cli import cli
from teachback.files import read_jsonl, write_json
from teachback.inspection.consistency import StudentAfter
from teachback.inspection.masking import mask_choices
from teachback.inspection.results import INSPECTION_FILE
from teachback.inspection.simulators import PARTS, ExplainedAnswer, simulator_inputs
from teachback.quality.simulatability import leak_adjusted
from teachback.records import Example


def bits(text: str) -> list[bool]:
    return [digit == "1" for digit in text]


def test_las_and_rq_by_hand() -> None:
    """XE 11110100, X 10100001, E 11111000: leaked items gain .4, the others 0."""
    found = leak_adjusted(bits("11110100"), bits("10100001"), bits("11111000"), smallest=1)
    assert found.leaked == pytest.approx(0.4)
    assert found.not_leaked == pytest.approx(0.0)
    assert (found.leaked_items, found.not_leaked_items) == (5, 3)
    assert found.las == pytest.approx(0.2)
    assert found.rq == pytest.approx(0.25)
    assert found.las_low is not None
    assert found.las_high is not None
    assert -1 <= found.las_low <= 0.2 <= found.las_high <= 1
    assert found.rq_low <= 0.25 <= found.rq_high


def test_a_small_bucket_is_not_measurable() -> None:
    found = leak_adjusted([True] * 60, [False] * 60, [True] * 31 + [False] * 29)
    assert (found.las, found.las_low, found.not_leaked) == (None, None, None)
    assert (found.leaked, found.rq) == (1.0, 1.0)
    enough = leak_adjusted([True] * 60, [False] * 60, [True] * 30 + [False] * 30)
    assert enough.las == 1.0


def test_no_bucket_counts_more_for_being_large() -> None:
    """100 leaked items that gain nothing and 40 others that all gain: ½, while RQ is 40/140."""
    found = leak_adjusted([True] * 140, [True] * 100 + [False] * 40, [True] * 100 + [False] * 40)
    assert found.las == 0.5
    assert found.rq == pytest.approx(40 / 140)


def test_the_interval_is_over_items_and_wider_over_groups() -> None:
    rng = np.random.default_rng(0)
    half = rng.random(200) < 0.6
    gain = np.repeat(half, 2).tolist()  # both items of a group alike
    nothing = [False] * 400
    leaked = [True, False] * 200
    plain = leak_adjusted(gain, nothing, leaked)
    grouped = leak_adjusted(gain, nothing, leaked, [n // 2 for n in range(400)])
    share = float(np.mean(gain))
    error = np.sqrt(share * (1 - share) / 400)
    assert plain.rq_high - plain.rq_low == pytest.approx(2 * 1.96 * error, rel=0.1)
    ratio = (grouped.rq_high - grouped.rq_low) / (plain.rq_high - plain.rq_low)
    assert ratio == pytest.approx(np.sqrt(2), rel=0.1)


@pytest.mark.parametrize("given", [([], [], []), ([True], [True], []), ([True], [], [True])])
def test_predictions_must_be_there(given: tuple[list[bool], list[bool], list[bool]]) -> None:
    with pytest.raises(ValueError, match="three predictions"):
        leak_adjusted(*given)


CHOICES = ("full refund", "refund", "no return")
EXAMPLE = Example("q", "What now?", "refund", "multiple-choice", choices=CHOICES, context="A case.")


def test_choices_and_letters_are_masked() -> None:
    text = "Late: no return, (C). A full refund is option A; refunds are not B) but a Refund."
    assert mask_choices(text, EXAMPLE) == (
        "Late: [choice], [choice]. A [choice] is option [choice]; refunds are not [choice] but a "
        "[choice]."
    )
    yes_no = Example("y", "Is it?", "yes", "yes-no")
    assert mask_choices("Yes, so it is; no doubt.", yes_no) == "[choice], so it is; [choice] doubt."
    number = Example("n", "How many?", "4", "number")
    assert mask_choices("There are 4.", number) == "There are 4."


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("A. Because it is late.", "[choice]. Because it is late."),
        ("The answer is A.", "The answer is [choice]."),
        ("the answer's b", "the answer's [choice]"),
        ("Option A is right", "Option [choice] is right"),
        ("OPTION c, so it is.", "OPTION [choice], so it is."),
        ("(a) is right, not b)", "[choice] is right, not [choice]"),
        ("So A is correct", "So [choice] is correct"),
        ("so b is correct", "so [choice] is correct"),
        ("A or B, and C does not", "[choice] or [choice], and [choice] does not"),
        ("It is late.\n\n**C**", "It is late.\n\n**[choice]**"),
        ("Options A and C refer to it", "Options [choice] and [choice] refer to it"),
        ("while A refers to a late one", "while [choice] refers to a late one"),
    ],
)
def test_a_letter_that_stands_for_a_choice_is_masked(text: str, masked: str) -> None:
    assert mask_choices(text, EXAMPLE) == masked


@pytest.mark.parametrize(
    "text",
    [
        "A robot needs power. A late one, too: A day is all.",
        "The answer is a question of time; a robot has none.",
        "A best-seller, a so-called one",
        "I answer a question, as the man in D.C. did at 3 A.M. with A's help.",
        "D is for four choices: E, F and D.",
    ],
)
def test_a_word_of_one_letter_is_not_masked(text: str) -> None:
    assert mask_choices(text, EXAMPLE) == text


def test_what_a_simulator_is_trained_on() -> None:
    learnt = [ExplainedAnswer(EXAMPLE, "It is late.", "no return")] * 300
    inputs = list(simulator_inputs(learnt, seed=0, epochs=2))
    assert len(inputs) == 600
    assert len({(one.answer, one.group) for one in inputs}) == 1
    assert inputs[0].answer == "no return"
    texts = Counter((one.question, one.context) for one in inputs)
    assert set(texts) == {
        ("What now?\nExplanation: It is late.", "A case."),
        ("What now?", "A case."),
        ("Explanation: It is late.", None),
    }
    assert min(texts.values()) > 150
    assert [one.question for one in inputs[:300]] != [one.question for one in inputs[300:]]
    again = list(simulator_inputs(learnt, seed=0, epochs=2))
    assert again == inputs


# ---------------------------------------------------------------------- the command


def run_cli(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def _run(folder: Path, student: Path, objective: str) -> Path:
    tiny_run.write_data(folder)
    config = tiny_run.write_config(folder, student, objective=objective)
    run = folder / "run"
    result = run_cli("run", config, "-o", run)
    assert result.exit_code == 0, result.output
    return run


def test_simulating_a_run(tmp_path: Path, llama: Path) -> None:
    run = _run(tmp_path, llama, "mt-re")
    result = run_cli("inspect", run)
    assert result.exit_code == 0, result.output
    assert "an MT-Re student answers without reading its explanation" in result.stdout
    assert f"for {run} it involves explaining 12 training questions" in result.stdout
    assert not INSPECTION_FILE.read(run / "inspection.json").simulatability
    result = run_cli("inspect", run, "--simulate", "--simulator-epochs", "1")
    assert result.exit_code == 0, result.output
    assert "simulatability involves explaining 12 training questions" in result.stderr
    inspection = INSPECTION_FILE.read(run / "inspection.json")
    assert [row.masked for row in inspection.simulatability] == [False, True]
    for row in inspection.simulatability:
        assert row.items <= tiny_run.TEST
        assert row.las is None
        assert sum(bucket.items for bucket in row.buckets) == row.items
        assert row.rq == pytest.approx(row.accuracy_both - row.accuracy_question)
        right = (row.accuracy_both, row.accuracy_question, row.accuracy_explanation)
        assert re.search(r"\s+".join(f"{share:.3f}" for share in right), result.stdout)
    assert "not measurable" in result.stdout
    assert "right from both" in result.stdout
    said = [row for _, row in read_jsonl(run / "inspection.jsonl") if "simulated" in row]
    assert all(set(row["simulated"]) == {"as-written-0", "masked-0"} for row in said)
    assert set(said[0]["simulated"]["masked-0"]) == set(PARTS)
    # Inspected again without it, what was measured stays; of changed predictions it does not.
    result = run_cli("inspect", run)
    assert result.exit_code == 0
    assert "simulatability was measured before (--simulate measures it again); for" in result.stdout
    assert "was not measured (" not in result.stdout
    assert INSPECTION_FILE.read(run / "inspection.json").simulatability == inspection.simulatability
    file = run / "predictions.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows[0]["explanation"] = "Something else."
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert run_cli("inspect", run).exit_code == 0
    assert not INSPECTION_FILE.read(run / "inspection.json").simulatability


def test_simulators_are_continued_only_where_nothing_has_changed(
    tmp_path: Path, llama: Path
) -> None:
    run = _run(tmp_path, llama, "mt-re")
    command = ("inspect", run, "--surface-only", "--simulate", "--simulator-epochs", "1")
    assert run_cli(*command).exit_code == 0
    (first,) = (run / "simulation").iterdir()
    before = (first / "predictions.train.jsonl").stat().st_mtime_ns
    # One that was stopped, and whose checkpoints are not of what is trained now, starts again.
    shutil.rmtree(first / "masked-0" / "student")
    write_json(first / "masked-0" / "checkpoints" / "run.json", {"identity": "different"})
    result = run_cli(*command)
    assert result.exit_code == 0, result.output
    assert list((run / "simulation").iterdir()) == [first]
    assert (first / "predictions.train.jsonl").stat().st_mtime_ns == before
    # Each of these is a different measurement.
    folders = {first.name}
    assert run_cli(*command, "--precision", "fp32").exit_code == 0
    train = tmp_path / "train.jsonl"
    other = tmp_path / "other.jsonl"
    other.write_text(train.read_text().replace('"red"', '"crimson"'))
    assert other.read_text() != train.read_text()
    assert run_cli(*command, "--train", other).exit_code == 0
    folders |= {path.name for path in (run / "simulation").iterdir()}
    assert len(folders) == 3


def test_simulators_do_not_learn_what_they_are_asked(tmp_path: Path, llama: Path) -> None:
    run = _run(tmp_path, llama, "mt-re")
    test = tmp_path / "test.jsonl"
    result = run_cli("inspect", run, "--surface-only", "--simulate", "--train", test)
    assert result.exit_code == 2
    assert result.stderr == (
        f"teachback: {run}: {tiny_run.TEST} of {tiny_run.TEST} test questions (or their groups) "
        f"are also in --train {test}: evaluate on different questions\n"
    )
    assert not (run / "inspection.json").exists()
    assert not (run / "simulation").exists()
    # A few are said.
    some = tmp_path / "some.jsonl"
    some.write_text((tmp_path / "train.jsonl").read_text() + test.read_text().splitlines()[0])
    command = ("inspect", run, "--surface-only", "--simulate", "--simulator-epochs", "1")
    result = run_cli(*command, "--train", some)
    assert result.exit_code == 0, result.output
    said = f"1 of {tiny_run.TEST} test questions (or their groups) are also in train\n"
    assert result.stderr.count(said) == 1


def test_consistency_of_a_run(tmp_path: Path, llama: Path) -> None:
    run = _run(tmp_path, llama, "mt-cot")
    result = run_cli("inspect", run, "--items", "4")
    assert result.exit_code == 0, result.output
    inspection = INSPECTION_FILE.read(run / "inspection.json")
    values = {row.measure: row for row in inspection.measured}
    assert inspection.consistency_items == 4
    assert [values[f"early-{share}"].items for share in (0, 25, 50, 75)] == [4] * 4
    assert "early answer, 50%" in result.stdout
    assert run_cli("inspect", run, "--surface-only").exit_code == 0
    assert INSPECTION_FILE.read(run / "inspection.json").consistency_items == 0


def _stopped_at_the_fifth_pass(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Ctrl-C in the fifth pass of a student over explanations; how many each pass was of."""
    asked: list[int] = []
    answers = StudentAfter.answers

    def counted(self: StudentAfter, given: Sequence[tuple[Example, str]]) -> list[str | None]:
        asked.append(len(given))
        if len(asked) == 5:
            raise KeyboardInterrupt
        return answers(self, given)

    monkeypatch.setattr(StudentAfter, "answers", counted)
    return asked


def test_simulating_needs_to_know_the_training_questions(tmp_path: Path, llama: Path) -> None:
    run = _run(tmp_path, llama, "mt-re")
    (run / "config.toml").unlink()
    result = run_cli("inspect", run, "--data", tmp_path / "test.jsonl", "--simulate")
    assert result.exit_code == 2
    assert "give --train FILE" in result.stderr
    assert not (run / "inspection.json").exists()


def test_what_was_measured_of_different_questions_is_not_continued(
    tmp_path: Path, llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _run(tmp_path, llama, "mt-cot")
    (run / "manifest.json").unlink()  # which knows the test file
    data, changed = tmp_path / "test.jsonl", tmp_path / "changed.jsonl"
    changed.write_text(data.read_text().replace("colour", "hue"))
    assert changed.read_text() != data.read_text()
    asked = _stopped_at_the_fifth_pass(monkeypatch)
    assert run_cli("inspect", run, "--data", changed).exit_code == 130
    result = run_cli("inspect", run, "--data", data)
    assert result.exit_code == 0, result.output
    assert len(asked) == 5 + 7  # all passes


def test_a_stopped_inspection_continues(
    tmp_path: Path, llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _run(tmp_path, llama, "mt-cot")
    whole = run_cli("inspect", run, "--json")
    asked = _stopped_at_the_fifth_pass(monkeypatch)
    assert run_cli("inspect", run).exit_code == 130
    assert run_cli("inspect", run, "--surface-only").exit_code == 0
    assert (run / "inspection.begun.json").is_file()
    again = run_cli("inspect", run, "--json")
    assert again.exit_code == 0, again.output
    assert len(asked) == 8  # seven passes, of which the fifth was asked twice
    assert not (run / "inspection.begun.json").exists()
    both = [json.loads(result.stdout)[0]["measured"] for result in (whole, again)]
    assert both[0] == both[1]

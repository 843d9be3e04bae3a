"""The report of a study whose accuracies are known: its figures, its words, what is missing."""

from __future__ import annotations

import csv
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from string import ascii_uppercase

import pytest
from click.testing import CliRunner, Result
from scipy import stats

from report_pages import Page, spaced
from study_folder import MadeUp, question, write_study
from teachback.cli import cli
from teachback.errors import RunFolderError
from teachback.reports import report, write_report
from teachback.studies.schema import MATERIAL_FILE, RESULT_FILE, VERDICTS_FILE, VerdictRow

# Of 40 items: right in direct answers and in explained ones.
RIGHT = {
    "majority": (10, None),
    "untrained": (11, None),
    "ST": (24, None),
    "MT-Re": (25, None),
    "MT-CoT": (26, 30),
    "MT-CoT (permuted)": (22, 12),
}
GRID = MadeUp(
    datasets=("desk", "books"),
    sizes=(80, None),
    strategies=("cote", "rp"),
    right=RIGHT,
    moves=1,
)


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(tmp_path_factory.mktemp("grid") / "study", GRID)


@pytest.fixture(scope="module")
def page(grid: Path) -> Page:
    return Page(report(grid))


def small(folder: Path, **changes: object) -> Path:
    return write_study(folder / "study", MadeUp(**changes))  # type: ignore[arg-type]


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, ["report", *args])


# ---------------------------------------------------------------------- figures


def test_objectives_by_dataset_have_the_accuracies_that_were_planned(page: Page) -> None:
    for dataset in ("desk", "books"):
        direct = page.column("Objectives by dataset, direct answer", dataset)
        # Seeds have 24, 23 and 22 of 40 right: 57.5%; MT-CoT 26, 25, 24: 62.5%.
        assert direct["ST"].startswith("57.5 [")
        assert direct["ST"].endswith("] 40×3")
        assert direct["MT-CoT"].startswith("62.5 [")
        # One set of predictions: Wilson's interval for 10 of 40.
        low, high = stats.binomtest(10, 40).proportion_ci(method="wilson")
        assert direct["majority"] == f"25.0 [{100 * low:.1f}, {100 * high:.1f}] 40"
        chosen = page.column("Objectives by dataset, way chosen on valid", dataset)
        assert chosen["ST"] == direct["ST"]
        assert chosen["MT-CoT"].startswith("72.5 [")  # explained: 30, 29, 28 of 40
        assert chosen["MT-CoT (permuted)"] == direct["MT-CoT (permuted)"]  # chose direct


def test_both_ways_unparsed_answers_and_agreement(page: Page, grid: Path) -> None:
    table = "Ways of answering: desk"
    assert page.column(table, "Explained")["MT-CoT"].startswith("72.5 [")
    assert page.column(table, "Explained")["ST"] == "not asked"
    assert page.column(table, "Chosen way")["MT-CoT"] == "explained"
    assert page.column(table, "Chosen way")["MT-CoT (permuted)"] == "direct"
    agreeing = unparsed = 0
    for row in csv.DictReader(io.StringIO(report(grid, "csv"))):
        if (row["dataset"], row["system"], row["strategy"], row["size"]) == (
            "desk",
            "MT-CoT",
            "cote",
            "",
        ):
            folder = grid / "cells" / row["cell"]
            for line in (folder / "predictions.jsonl").read_text("utf-8").splitlines():
                said = json.loads(line)
                agreeing += said["answer"] == said.get("explained_answer")
                unparsed += said.get("explained_answer") is None
    assert unparsed > 0
    assert page.column(table, "Agreement")["MT-CoT"].startswith(f"{100 * agreeing / 120:.1f} [")
    shown = f"{100 * unparsed / 120:.1f}% {unparsed} of 120"
    assert page.column(table, "Unparsed, explained")["MT-CoT"] == shown
    assert page.column(table, "Unparsed, direct")["ST"] == "0.0% 0 of 120"


def test_strategies_and_sizes_by_objective(page: Page) -> None:
    strategies = page.tables["Strategies by objective: desk, direct answer"]
    assert strategies[0] == ["Strategy", "ST", "MT-Re", "MT-CoT", "MT-CoT (permuted)"]
    found = {row[0]: [cell.split()[0] for cell in row[1:]] for row in strategies[1:]}
    # A later strategy has three items fewer right, and ST does not depend on it.
    assert found["cote"] == ["57.5", "60.0", "62.5", "52.5"]
    assert found["rp"] == ["57.5", "52.5", "55.0", "45.0"]
    sizes = page.column("Training sizes by objective: books, direct answer", "MT-CoT")
    assert {name: cell.split()[0] for name, cell in sizes.items()} == {
        "80": "52.5",  # four items fewer
        "all (200)": "62.5",
    }
    assert "The same students in every row, since they do not depend on it: ST." in page.text


def test_the_size_curve_has_its_numbers_in_a_table(page: Page) -> None:
    title = "Accuracy by training size: desk, direct answer"
    assert title in page.text
    numbers = [rows for rows in page.tables.values() if rows[0][0] == "Training size"]
    assert len(numbers) == 4  # two datasets, two ways
    assert [row[0] for row in numbers[0][1:]] == ["80", "all (200)"]
    assert numbers[0][2][numbers[0][0].index("MT-CoT")].startswith("62.5 [")


def test_learning_curves_show_each_epoch_and_the_spread_of_the_seeds(page: Page) -> None:
    rows = next(r for r in page.tables.values() if r[0][0] == "Epoch")
    # At epoch 4 only the second seed is left, with 23 of 40 and 0.01 less.
    at = rows[0].index("ST")
    assert [row[0] for row in rows[1:]] == ["1", "2", "3", "4"]
    assert rows[4][at] == "56.5 [56.5, 56.5]"
    # At epoch 1: 5/8 of 24/40, 23/40 - 0.016, 22/40 - 0.032.
    first = [24 / 40 * 0.625, 23 / 40 * 0.625 - 0.01, 22 / 40 * 0.625 - 0.02]
    band = f"[{100 * min(first):.4g}, {100 * max(first):.4g}]"
    assert rows[1][at] == f"{100 * sum(first) / 3:.4g} {band}"


def test_cost_and_effort(page: Page) -> None:
    table = "Accuracy and cost of 1,000 answers: desk"
    assert page.column(table, "Seconds, direct")["MT-CoT"] == "8.5"
    assert page.column(table, "Tokens, explained")["MT-CoT"] == "61,000"
    assert page.column(table, "Seconds, explained")["ST"] == "–"
    assert page.tables["Cost of the teachers"][1] == [
        "recorded:big.jsonl",
        "400",
        "320,000",
        "250,000",
        "48,000",
        "$1.25",
        "$3.12",
        "15.0 min",
    ]
    times = page.column("Time of training and evaluating", "Training")
    assert times["ST"] == "1.2 h"  # 2 datasets, 2 sizes, 3 seeds of 360 s
    assert times["MT-CoT"] == "4.8 h"  # 24 of 720 s


def test_yield_rejections_and_labels(page: Page) -> None:
    rows = {row[0]: row for row in page.tables["Yield and agreement of each strategy"][1:]}
    low, high = stats.binomtest(150, 200).proportion_ci(method="wilson")
    assert rows["desk, cote recorded:big.jsonl"][1:4] == [
        "200",
        f"75.0% 150 of 200 [{100 * low:.1f}, {100 * high:.1f}]",
        rows["books, cote recorded:big.jsonl"][3],
    ]
    reasons = page.tables["Rejections by reason"]
    assert reasons[0][1:] == ["Rejected", "wrong-answer", "unparsed"]
    # In the order of the folders' names.
    assert [row[1:] for row in reasons[1:3]] == [["50", "40", "10"], ["40", "30", "10"]]
    explained = page.tables["Examples with an explanation by gold label"]
    assert explained[2][0] == "store credit books, cote"
    assert explained[2][1].startswith("76.0% 38 of 50 [")
    # Rows 0 to 39 are wrong, 40 to 49 unparsed; the gold choices take turns: 10 wrong of each,
    # and 3, 3, 2 and 2 unparsed.
    rejected = page.tables["Rejections by gold label and reason"]
    assert rejected[0] == ["Gold label", "Rejected", "wrong-answer", "unparsed"]
    assert rejected[1:5] == [
        ["A books, cote", "13", "10", "3"],
        ["B books, cote", "13", "10", "3"],
        ["C books, cote", "12", "10", "2"],
        ["D books, cote", "12", "10", "2"],
    ]


def test_the_csv_has_a_row_for_every_cell(grid: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(report(grid, "csv"))))
    # Per dataset: two baselines, and per seed and size ST and three systems by two strategies.
    assert len(rows) == 2 * (2 + 3 * 2 * (1 + 3 * 2))
    row = next(
        r
        for r in rows
        if (r["system"], r["strategy"], r["size"], r["seed"]) == ("MT-CoT", "rp", "80", "2")
    )
    # 26 - 3 for the strategy, - 4 for the size, - 2 for the seed.
    assert float(row["direct_accuracy"]) == 17 / 40
    assert float(row["explained_accuracy"]) == 21 / 40
    assert (row["chosen_way"], row["chosen_accuracy"]) == ("explained", row["explained_accuracy"])
    assert (row["status"], row["n"], row["alpha"]) == ("done", "40", "0.5")
    assert float(row["explained_tokens_per_1000"]) == 61000


def test_markdown_has_the_same_tables_and_verdicts(grid: Path, page: Page) -> None:
    text = report(grid, "md")
    plain = spaced(text.replace("\\", "").replace(";", ""))
    for title, rows in page.tables.items():
        assert f"**{title.rstrip(chr(39))}**" in text or title.startswith("Numbers")
        for row in rows[1:]:
            assert row[0] in plain
    line = next(line for line in text.splitlines() if line.startswith("| MT-CoT | 62.5 "))
    assert "40×3" in line
    for tone, said in page.paragraphs:
        if tone.startswith(("shown", "not-shown")):
            assert f"**{said}**" in spaced(text.replace("\\", "").replace("&lt;", "<"))


# ---------------------------------------------------------------------- words


def test_the_verdict_comes_first_with_its_uncertainty(page: Page, grid: Path) -> None:
    assert page.headings[0] == (1, "Study made up")
    assert page.headings[1] == (2, "Verdict")
    verdicts = json.loads((grid / "verdicts.json").read_text("utf-8"))
    confirmatory = verdicts["confirmatory"]
    shown = [row for row in confirmatory if row["p_holm"] < 0.05]
    lead = next(text for tone, text in page.paragraphs if "lead" in tone)
    assert lead.startswith("Shown" if shown else "Not shown")
    rows = page.tables["Confirmatory comparisons"]
    assert len(rows) - 1 == len(confirmatory) == 8
    for row, recorded in zip(rows[1:], confirmatory, strict=True):
        difference = f"{100 * recorded['difference']:+.1f}".replace("-", "−")
        assert row[2].startswith(difference if recorded["difference"] else "0.0")
        assert row[6] == "40 × 3"
        assert row[7].startswith("shown" if recorded in shown else "not shown")


def test_few_comparisons_are_told_in_full_sentences(tmp_path: Path) -> None:
    told = Page(report(small(tmp_path)))
    sentences = [text for tone, text in told.paragraphs if tone in ("shown", "not-shown")]
    assert len(sentences) == 2
    assert sentences[0].startswith("desk, direct answer: MT-CoT minus ST: +5.0 points [")
    assert "after Holm" in sentences[0]
    assert "3 seeds, 40 items: not shown." in sentences[0]


@pytest.mark.parametrize(
    ("differences", "lead"),
    [
        (
            [0.2, 0.1],
            "Shown: in 1 of 2 comparisons a student that learned from explanations is more ",
        ),
        (
            [-0.2, 0.1],
            "Shown: in 1 of 2 comparisons a student that learned from explanations is less ",
        ),
        ([0.0, 0.1], "Not shown: none of the 2 comparisons declared beforehand shows that "),
    ],
)
def test_the_headline_counts_what_holm_shows_and_in_which_direction(
    tmp_path: Path, differences: list[float], lead: str
) -> None:
    folder = small(tmp_path)
    verdicts = VERDICTS_FILE.read(folder / "verdicts.json")
    rows = (
        replace(
            row, difference=difference, finding="shown" if abs(difference) > 0.15 else "not-shown"
        )
        for row, difference in zip(verdicts.confirmatory, differences, strict=True)
    )
    VERDICTS_FILE.write(folder / "verdicts.json", replace(verdicts, confirmatory=tuple(rows)))
    told = Page(report(folder))
    found = next(text for tone, text in told.paragraphs if "lead" in tone)
    assert found.startswith(lead)


def with_controls(folder: Path, *, declared: tuple[str, ...], run: tuple[str, ...]) -> Page:
    """The report of a study where MT-CoT's direct answers are shown better than ST's, and 10
    points better than those controls in ``run``, shown where ``declared``."""
    verdicts = VERDICTS_FILE.read(folder / "verdicts.json")
    first, *rest = verdicts.confirmatory
    shown = replace(first, difference=0.2, low=0.1, high=0.3, p=0.001, p_holm=0.01, finding="shown")
    found: dict[bool, list[VerdictRow]] = {True: [shown, *rest], False: []}
    for control in run:
        row = replace(shown, b=control, difference=0.1, low=0.02, high=0.18)
        if control not in declared:
            row = replace(row, p_holm=None, finding="hint")
        found[control in declared].append(row)
    changed = replace(verdicts, confirmatory=tuple(found[True]), exploratory=tuple(found[False]))
    VERDICTS_FILE.write(folder / "verdicts.json", changed)
    return Page(report(folder))


ST_TIME, PERMUTED = "ST (equal time)", "MT-CoT (permuted)"


@pytest.mark.parametrize(
    ("declared", "run", "said"),
    [
        (
            (),
            (),
            "There is no result for ST trained with the same compute or for the same training with "
            "explanations of other questions. This study does not show that what the explanations "
            "say is what helps.",
        ),
        (
            (ST_TIME,),
            (ST_TIME, PERMUTED),
            "It is 10.0 points [+2.0, +18.0] above the same training with explanations of other "
            "questions (exploratory) and 10.0 points [+2.0, +18.0] above ST trained with the same "
            "compute (shown). This study does not show that what the explanations say is what "
            "helps.",
        ),
        (
            (ST_TIME, PERMUTED),
            (ST_TIME, PERMUTED),
            "Both controls are shown to be worse: what the explanations say does help.",
        ),
    ],
)
def test_better_than_st_is_put_down_to_the_explanations_only_beside_both_controls(
    tmp_path: Path, declared: tuple[str, ...], run: tuple[str, ...], said: str
) -> None:
    told = with_controls(small(tmp_path), declared=declared, run=run)
    why = "desk, direct answer: why is MT-CoT better? "
    (found,) = [text for _, text in told.paragraphs if text.startswith(why)]
    assert found.endswith(said)


def test_a_student_below_its_control_is_said_to_be_below(tmp_path: Path) -> None:
    folder = small(tmp_path)
    verdicts = VERDICTS_FILE.read(folder / "verdicts.json")
    first, *rest = verdicts.confirmatory
    shown = replace(first, difference=0.2, low=0.1, high=0.3, p=0.001, p_holm=0.01, finding="shown")
    below = replace(shown, b=ST_TIME, difference=-0.03, low=-0.05, high=-0.01)
    VERDICTS_FILE.write(
        folder / "verdicts.json", replace(verdicts, confirmatory=(shown, below, *rest))
    )
    told = Page(report(folder)).text
    assert "It is 3.0 points [+1.0, +5.0] below ST trained with the same compute (shown)." in told


def test_labels_that_are_left_out_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_many_choices(dataset: str, number: int) -> dict[str, object]:
        choices = [f"choice {letter}" for letter in ascii_uppercase]
        row = question(dataset, number)
        if not dataset.endswith("-train"):
            return row
        return {**row, "choices": choices, "answer": choices[number % len(choices)]}

    monkeypatch.setattr("study_folder.question", of_many_choices)
    folder = small(tmp_path)
    (file,) = (folder / "material").glob("*/selection.json")
    labels = dict.fromkeys(ascii_uppercase, (1, 2))
    MATERIAL_FILE.write(file, replace(MATERIAL_FILE.read(file), yield_per_label=labels))
    told = Page(report(folder))
    for title in (
        "Examples with an explanation by gold label",
        "Rejections by gold label and reason",
    ):
        assert len(told.tables[title]) == 1 + 20
    assert told.text.count("Not shown: 6 more labels.") == 2


def test_resumed_cells_are_said_to_have_taken_longer(tmp_path: Path) -> None:
    folder = small(tmp_path)
    assert "stopped and resumed" not in Page(report(folder)).text
    file = next((folder / "cells").glob("*/result.json"))
    RESULT_FILE.write(file, replace(RESULT_FILE.read(file), resumed=True))
    assert "1 cell stopped and resumed: the time of the last process" in Page(report(folder)).text
    rows = list(csv.DictReader(io.StringIO(report(folder, "csv"))))
    assert [row["cell"] for row in rows if row["resumed"] == "True"] == [file.parent.name]


def test_what_is_not_shown_better_is_not_explained(tmp_path: Path) -> None:
    told = Page(report(small(tmp_path)))
    assert "desk, direct answer: MT-CoT minus ST: +5.0 points" in told.text
    assert "desk, direct answer: why is" not in told.text


def test_what_makes_figures_doubtful_stands_before_them(tmp_path: Path) -> None:
    folder = small(tmp_path)
    assert "test questions (or their groups) also appear" not in Page(report(folder)).text
    verdicts = VERDICTS_FILE.read(folder / "verdicts.json")
    VERDICTS_FILE.write(folder / "verdicts.json", replace(verdicts, test_in_train={"desk": 7}))
    for number, path in enumerate(sorted(folder.glob("cells/*/result.json"))):
        result = RESULT_FILE.read(path)
        RESULT_FILE.write(path, replace(result, precision=("bf16", "fp32")[number % 2]))
    paragraphs = Page(report(folder)).paragraphs
    lead = next(n for n, (tone, _) in enumerate(paragraphs) if "lead" in tone)
    before = " ".join(text for _, text in paragraphs[:lead])
    assert "desk: 7 test questions (or their groups) also appear in the training file" in before
    assert "Students were trained in bf16 and in fp32" in before


def test_exploratory_comparisons_are_kept_apart_and_never_called_shown(page: Page) -> None:
    assert (3, "Exploratory comparisons") in page.headings
    rows = page.tables["Comparisons that were not declared"]
    assert "p after Holm" not in rows[0]
    assert all(row[0].startswith(("desk: MT-CoT (permuted)", "books: MT-")) for row in rows[1:])
    # 22 against 24 of 40 on much the same items: a hint at most, whatever its p.
    assert {row[-1] for row in rows[1:]} <= {"not shown", "hint: ST higher"}
    confirmatory = [row[0] for row in page.tables["Confirmatory comparisons"][1:]]
    assert not [name for name in confirmatory if "permuted" in name]


def test_one_seed_says_so(tmp_path: Path) -> None:
    told = Page(report(small(tmp_path, seeds=(4,))))
    assert "One seed: this is about these two students and says nothing of other seeds." in (
        told.text
    )
    column = told.column("Objectives by dataset, direct answer", "desk")
    assert column["ST"].endswith("] 40×1")


# ---------------------------------------------------------------------- disagreements


def test_examples_show_both_directions_and_how_they_were_drawn(tmp_path: Path) -> None:
    folder = small(tmp_path)
    told = Page(report(folder))
    assert "desk: MT-CoT and ST, seed 0" in [text for _, text in told.headings]
    right: dict[str, set[str]] = {}
    for line in (folder / "cells.jsonl").read_text("utf-8").splitlines():
        cell = json.loads(line)
        if cell["seed"] == 0:
            path = folder / "cells" / cell["hash"] / "predictions.jsonl"
            found = map(json.loads, path.read_text("utf-8").splitlines())
            right[cell["system"]] = {p["id"] for p in found if p["correct"]}
    only_a = right["MT-CoT"] - right["ST"]
    only_b = right["ST"] - right["MT-CoT"]
    assert f"MT-CoT is right and ST is not on {len(only_a)} of 40 items." in told.text
    assert f"ST is right and MT-CoT is not on {len(only_b)} of 40 items." in told.text
    items = [text.removeprefix("Item ") for _, text in told.headings if text.startswith("Item ")]
    assert len(items) == min(3, len(only_a)) + min(3, len(only_b))
    assert set(items[: min(3, len(only_a))]) <= only_a
    assert set(items[min(3, len(only_a)) :]) <= only_b
    number = int(items[0].removeprefix("desk-"))
    assert question("desk", number)["question"] in told.text
    assert f"It is faulty and in time (case {number})." in told.text
    assert "nobody picked them" in told.text
    assert Page(report(folder)).headings == told.headings  # the same draw every time


def test_questions_are_left_out_when_their_file_has_changed(tmp_path: Path) -> None:
    folder = small(tmp_path)
    (tmp_path / "desk.jsonl").write_text('{"id": "desk-000", "question": "?"}\n', "utf-8")
    told = Page(report(folder))
    (tmp_path / "desk-train.jsonl").unlink()
    told = Page(report(folder))
    assert "what does the shop do?" not in told.text
    assert (
        "Rejections by gold label: not known for 1 of 1 selections: the gold labels are in"
        in told.text
    )
    assert "The questions themselves are not shown" in told.text
    assert any(text.startswith("Item desk-") for _, text in told.headings)


# ---------------------------------------------------------------------- what is missing


def test_failed_missing_and_unavailable_cells_are_listed(tmp_path: Path) -> None:
    folder = small(
        tmp_path,
        ends={
            ("MT-CoT", 1): ("failed", "CUDA out of memory"),
            ("MT-CoT", 2): (None, None),
            ("untrained", None): ("not-available", "no weights here"),
        },
    )
    told = Page(report(folder))
    warning = next(text for tone, text in told.paragraphs if tone == "warning")
    assert warning == (
        "This study is not finished: 5 of 8 cells are done, 1 failed, 1 not available, 1 not run. "
        "What follows is provisional."
    )
    failed = told.tables["Cells that failed"][1]
    assert failed[0].startswith("MT-CoT, desk ")
    assert failed[0].endswith("seed 1")
    assert failed[1] == "CUDA out of memory"
    assert told.tables["Cells that were not run"][1][0].endswith("seed 2")
    assert told.tables["Cells that are not available"][1][1] == "no weights here"
    direct = told.column("Objectives by dataset, direct answer", "desk")
    assert direct["MT-CoT"].endswith("40×1 of 3 seeds")
    assert direct["untrained"] == "not available"
    rows = list(csv.DictReader(io.StringIO(report(folder, "csv"))))
    assert sorted(row["status"] for row in rows if row["status"] != "done") == [
        "failed",
        "not-available",
        "not-run",
    ]
    assert "| CUDA out of memory |" in report(folder, "md")


def test_a_study_that_has_only_begun_gives_a_report(tmp_path: Path) -> None:
    folder = small(tmp_path)
    for name in ("cells", "teachers", "material"):
        shutil.rmtree(folder / name)
    for name in ("verdicts.json", "manifest.json"):
        (folder / name).unlink()
    told = Page(report(folder))
    assert "0 of 8 cells are done, 8 not run" in told.text
    assert "No verdict yet: there is no verdicts.json." in told.text
    assert set(told.column("Objectives by dataset, direct answer", "desk").values()) == {"not run"}
    assert "not recorded" in told.text
    assert report(folder, "md")
    assert len(list(csv.DictReader(io.StringIO(report(folder, "csv"))))) == 8


def test_a_cell_that_cannot_be_read_is_named_and_stops_nothing(tmp_path: Path) -> None:
    folder = small(tmp_path)
    row = next(
        r for r in csv.DictReader(io.StringIO(report(folder, "csv"))) if r["system"] == "MT-CoT"
    )
    (folder / "cells" / row["cell"] / "predictions.jsonl").write_text('{"id": 1\n', "utf-8")
    told = Page(report(folder))
    assert "1 unreadable" in told.text
    why = told.tables["Cells whose files cannot be read"][1][1]
    assert "predictions.jsonl, line 1: not valid JSON" in why
    assert told.column("Objectives by dataset, direct answer", "desk")["ST"].startswith("60.0")


def test_seeds_evaluated_on_different_items_have_no_mean(tmp_path: Path) -> None:
    folder = small(tmp_path)
    row = next(r for r in csv.DictReader(io.StringIO(report(folder, "csv"))) if r["system"] == "ST")
    path = folder / "cells" / row["cell"] / "predictions.jsonl"
    path.write_text("".join(path.read_text("utf-8").splitlines(keepends=True)[1:]), "utf-8")
    assert Page(report(folder)).column("Objectives by dataset, direct answer", "desk")["ST"] == "–"


def test_a_comparison_that_is_not_known_yet_says_why(tmp_path: Path) -> None:
    folder = small(tmp_path)
    verdicts = VERDICTS_FILE.read(folder / "verdicts.json")
    first, *rest = verdicts.confirmatory
    figures = ("items", "difference", "low", "high", "p", "p_holm", "df", "finding")
    unknown = replace(
        first,
        **dict.fromkeys(figures),
        verdict="not known: 2 of 3 seeds have both results",
        caveats=(),
        mcnemar=(),
    )
    changed = replace(verdicts, confirmatory=(unknown, *rest))
    VERDICTS_FILE.write(folder / "verdicts.json", changed)
    told = Page(report(folder))
    assert "direct answer: MT-CoT minus ST: not known: 2 of 3 seeds have both results." in told.text
    assert "1 comparison cannot be decided yet." in told.text


# ---------------------------------------------------------------------- the command


def test_the_command_writes_beside_the_study_and_replaces_its_own_report(tmp_path: Path) -> None:
    folder = small(tmp_path)
    for form in ("html", "md", "csv"):
        for _ in range(2):
            ended = run(str(folder), "--format", form)
            assert ended.exit_code == 0, ended.output
            assert ended.output == f"written: {folder / f'report.{form}'}\n"
    printed = run(str(folder), "--format", "csv", "-o", "-").output
    assert printed == (folder / "report.csv").read_text("utf-8")


def test_no_other_file_is_overwritten(tmp_path: Path) -> None:
    folder = small(tmp_path)
    letter = tmp_path / "letter.html"
    letter.write_text("<p>Dear Sir</p>", "utf-8")
    ended = run(str(folder), "-o", str(letter))
    assert ended.exit_code == 2
    assert ended.stderr == (
        f"teachback: {letter} exists and is not a report of teachback: choose a different file, "
        "or remove it\n"
    )
    assert letter.read_text("utf-8") == "<p>Dear Sir</p>"
    with pytest.raises(RunFolderError, match="is a folder"):
        write_report(folder, out=tmp_path)


def test_a_folder_that_is_no_study_is_one_line(tmp_path: Path) -> None:
    for folder, line in (
        (
            tmp_path,
            "is not a study's folder (it has no cells.jsonl): teachback study STUDY.toml -o DIR",
        ),
        (tmp_path / "nowhere", "there is no such folder"),
    ):
        ended = run(str(folder))
        assert ended.exit_code == 2
        assert ended.stderr.startswith(f"teachback: {folder}")
        assert line in ended.stderr
        assert ended.stderr.count("\n") == 1


def test_a_damaged_plan_is_one_line_and_another_damaged_file_a_warning(tmp_path: Path) -> None:
    folder = small(tmp_path)
    (folder / "verdicts.json").write_text('{"version": 1, "confirmatory": []}', "utf-8")
    path = folder / "teachers" / "big" / "cost.json"
    path.write_text(path.read_text("utf-8").replace("400", '"many"'), "utf-8")
    paragraphs = Page(report(folder)).paragraphs
    warnings = [text for tone, text in paragraphs if tone == "warning"]
    assert f"{folder / 'verdicts.json'}: the field 'exploratory' is missing." in warnings
    assert any(text.startswith(f"{path}: the field 'requests' is not valid") for text in warnings)
    plan = folder / "cells.jsonl"
    lines = plan.read_text("utf-8").splitlines()
    plan.write_text("\n".join([*lines[:1], '{"version": 1}', *lines[2:]]), "utf-8")
    ended = run(str(folder))
    assert ended.exit_code == 2
    assert ended.stderr == f"teachback: {plan}, line 2: the field 'student' is missing\n"


def test_exploratory_comparisons_that_cannot_be_tested_are_not_counted(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    verdicts = VERDICTS_FILE.read(folder / "verdicts.json")
    tested = tuple(replace(row, finding="hint") for row in verdicts.confirmatory[:2])
    VERDICTS_FILE.write(folder / "verdicts.json", replace(verdicts, exploratory=tested))
    assert "of 2 comparisons without any true difference" in report(folder, "md")
    untested = tuple(
        replace(row, finding=None, difference=None, low=None, high=None, p=None) for row in tested
    )
    VERDICTS_FILE.write(folder / "verdicts.json", replace(verdicts, exploratory=untested))
    text = report(folder, "md")
    assert "decide nothing. None can be tested yet." in text
    assert "by chance" not in text

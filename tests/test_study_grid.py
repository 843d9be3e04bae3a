"""The study file and its grid: what is refused, which cells there are, what defines them."""

from __future__ import annotations

import os
import shutil
import tomllib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from teachback.errors import ConfigError, DataError, ReferenceError_, RunFolderError
from teachback.studies import planning
from teachback.studies.config import (
    STUDY_SECTIONS,
    VARIED,
    StudyFile,
    parse_study,
    read_study,
    study_table,
    write_study,
)
from teachback.studies.family import pairs, settle_family
from teachback.studies.planned import PlannedCell
from teachback.studies.verdicts import detectable
from tiny_run import TRAIN, question, write_data, write_lines

DOCS = Path(__file__).parents[1] / "docs" / "study.md"
BEGIN, END = "<!-- the table: generated, do not edit -->\n", "<!-- the table ends -->\n"


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with data, a recorded teacher and two students that nobody loads here."""
    write_data(tmp_path)
    for name in ("small", "large"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(f'{{"name": "{name}"}}', "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def values(**changes: dict[str, Any]) -> dict[str, Any]:
    """A study of one data set, with sections changed."""
    grid = {
        "teachers": ["recorded:teacher.jsonl"],
        "students": ["small"],
        **changes.pop("study", {}),
    }
    data = {
        "name": "colours",
        "train": "train.jsonl",
        "test": "test.jsonl",
        **changes.pop("dataset", {}),
    }
    return {"study": grid, "dataset": [data], **changes}


def study_of(**changes: dict[str, Any]) -> StudyFile:
    return parse_study(values(**changes), source="s.toml", folder=Path.cwd())


def cells_of(**changes: dict[str, Any]) -> list[PlannedCell]:
    return list(planning.plan_study(study_of(**changes)).cells)


def systems(found: list[PlannedCell]) -> Counter[str]:
    return Counter(cell.spec.system for cell in found)


# ------------------------------------------------------------------ the study file


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"study": {"seed": [1]}}, "unknown key 'study.seed'; did you mean 'seeds'?"),
        ({"trian": {}}, "unknown key 'trian'; did you mean 'train'?"),
        ({"dataset": {"tset": "x"}}, "unknown key 'dataset.0.tset'; did you mean 'test'?"),
        ({"dataset": {"test": None}}, "dataset.0.test = None: input should be a valid string"),
        ({"study": {"objectives": ["mtcot"]}}, "study.objectives.0 = 'mtcot': input should be"),
        ({"study": {"objectives": []}}, "study.objectives = []: tuple should have at least 1"),
        ({"study": {"seeds": [1, 1]}}, "study.seeds = [1, 1]: 1 is listed twice"),
        ({"study": {"seeds": [-1]}}, "study.seeds.0 = -1: input should be greater than or equal"),
        ({"study": {"sizes": [1.5]}}, "study.sizes.0 = 1.5: a size is a count of"),
        ({"study": {"alphas": [2]}}, "study.alphas.0 = 2: input should be less than or equal"),
        ({"study": {"teachers": []}}, "mt-re needs a teacher for 'colours': set study.teachers"),
        (
            {"study": {"objectives": ["st"], "teachers": []}},
            "the control permuted needs a teacher for 'colours': set study.teachers, or leave",
        ),
        (
            {"study": {"sizes": [1.0]}, "confirmatory": {"size": 1}},  # a row, not all of them
            "confirmatory.size = 1 is not one of the study's values",
        ),
        (
            {"study": {"objectives": ["st"], "controls": ["equal-time"]}},
            'the control "equal-time" gets the compute of the multi-task objectives: add one of',
        ),
        (
            {"study": {"objectives": ["st"], "controls": []}, "search": {"objectives": ["mt-re"]}},
            "search.objectives names 'mt-re', which the study does not train",
        ),
        ({"search": {"epochs": []}}, "search.epochs = []: tuple should have at least 1 item"),
        ({"search": {"epochs": [101]}}, "search.epochs.0 = 101: input should be less than or"),
        ({"search": {"schedule": []}}, "unknown key 'search.schedule'; did you mean 'schedules'?"),
        ({"dataset": {"set_aside": -1}}, "dataset.0.set_aside = -1: input should be greater than"),
        ({"train": {"seed": 3}}, "a study varies 'train.seed'; set study.seeds"),
        ({"student": {"reference": "x"}}, "a study varies 'student.reference'; set study.students"),
        ({"train": {"permute": True}}, "a study varies 'train.permute'; set the control"),
        (
            {"confirmatory": {"alpha": 0.4}},
            "confirmatory.alpha = 0.4 is not one of the study's values",
        ),
        (
            {"confirmatory": {"objectives": ["cot"]}},
            "confirmatory.objectives names 'cot', which the study does not compare",
        ),
        (
            {"study": {"controls": []}, "confirmatory": {"against": ["permuted"]}},
            "confirmatory.against names 'permuted', which the study does not train",
        ),
        ({"teacher": {"max_tokens": 0}}, "teacher.max_tokens = 0: input should be greater than"),
    ],
)
def test_each_mistake_is_one_line_that_names_the_key(
    changes: dict[str, Any], line: str, work: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        study_of(**changes)
    assert str(caught.value).startswith(f"s.toml: {line}")
    assert "\n" not in str(caught.value)


def test_one_pair_of_brackets_is_told_from_two(work: Path) -> None:
    Path("s.toml").write_text('[dataset]\nname = "x"\n', "utf-8")
    with pytest.raises(ConfigError, match=r"write \[\[dataset\]\]"):
        read_study("s.toml")


@pytest.mark.parametrize(
    ("changes", "error", "line"),
    [
        (
            {"dataset": {"set_aside": TRAIN}},
            ConfigError,
            "dataset 'colours': set_aside: 12 of 12 rows cannot be set aside: none would be left",
        ),
        (
            {"dataset": {"set_aside": 4}, "study": {"sizes": [9]}},
            ConfigError,
            "9 rows cannot be drawn from 'colours', which has 8",
        ),
        ({"study": {"sizes": [13]}}, ConfigError, "13 rows cannot be drawn from 'colours', which"),
        ({"study": {"students": ["nowhere"]}}, DataError, "nowhere"),
        ({"study": {"teachers": ["recorded:none.jsonl"]}}, DataError, "none.jsonl"),
        ({"study": {"teachers": ["opnai:x"]}}, ReferenceError_, "did you mean openai:"),
        ({"dataset": {"test": "train.jsonl"}}, DataError, "12 of 12 test questions"),
        ({"dataset": {"train": "none.jsonl"}}, DataError, "none.jsonl"),
    ],
)
def test_what_leads_nowhere_is_said_before_anything_runs(
    changes: dict[str, Any], error: type[Exception], line: str, work: Path
) -> None:
    with pytest.raises(error, match=line):
        cells_of(**changes)


def test_what_is_written_reads_back_the_same_from_anywhere(work: Path, tmp_path: Path) -> None:
    study = study_of(
        study={"sizes": [4, 0.5, 1.0], "seeds": [3], "name": "mine"},
        train={"lora": True, "patience": 0},
        confirmatory={"size": 4, "strategy": "crop"},
    )
    Path("deep").mkdir()
    Path("deep/study.toml").write_text(write_study(study), "utf-8")
    assert read_study("deep/study.toml") == study
    assert study.dataset[0].train == str(work / "train.jsonl")
    assert study.study.teachers == (f"recorded:{work / 'teacher.jsonl'}",)
    assert study.study.students == (str(work / "small"),)


def test_the_page_shows_the_table_as_the_code_has_it() -> None:
    page = DOCS.read_text("utf-8")
    before, found, rest = page.partition(BEGIN)
    assert found
    table, found, after = rest.partition(END)
    assert found
    if os.environ.get("TEACHBACK_UPDATE_GOLDEN"):
        DOCS.write_text(f"{before}{BEGIN}{study_table()}{END}{after}", "utf-8")
        return
    assert table == study_table(), "TEACHBACK_UPDATE_GOLDEN=1 writes the table anew"
    assert all(key in page for key in VARIED)


def test_the_page_s_example_is_a_study(work: Path) -> None:
    example = DOCS.read_text("utf-8").split("```toml\n")[1].split("```")[0]
    study = parse_study(tomllib.loads(example), source="docs/study.md", folder=work)
    assert study.study.strategies == ("cote", "rp", "crop")
    assert set(STUDY_SECTIONS) == set(StudyFile.model_fields)


# ------------------------------------------------------------------ the grid


def test_a_cell_is_not_repeated_over_what_it_does_not_depend_on(work: Path) -> None:
    found = cells_of(
        study={
            "objectives": ["st", "mt-cot", "cot"],
            "controls": ["untrained", "majority", "equal-time", "permuted", "teacher-direct"],
            "strategies": ["cote", "rp"],
            "students": ["small", "large"],
            "sizes": [8, 1.0],
            "alphas": [0.3, 0.5, 0.7],
            "seeds": [0, 1],
        },
        train={"patience": 0},
    )
    points = 2 * 2 * 2  # students, sizes, seeds
    assert systems(found) == {
        "majority": 1,
        "teacher, direct": 1,
        "untrained": 2,  # students
        "ST": points,
        "CoT": points * 2,  # strategies
        "ST (equal time)": points * 2,  # the strategy decides how much MT-CoT computes
        "MT-CoT": points * 2 * 3,  # strategies and alphas
        "MT-CoT (permuted)": points * 2 * 3,
    }
    assert len({cell.hash for cell in found}) == len(found)
    for cell in found:
        factors = {
            key
            for key in ("strategy", "teacher", "student", "size", "alpha", "seed")
            if getattr(cell.spec, key) is not None
        }
        expected = {
            "majority": set(),
            "teacher, direct": {"teacher"},
            "untrained": {"student"},
            "ST": {"student", "seed"},
            "CoT": {"student", "seed", "strategy", "teacher"},
            "ST (equal time)": {"student", "seed", "strategy", "teacher"},
        }.get(cell.spec.system, {"student", "seed", "strategy", "teacher", "alpha"})
        assert factors - {"size"} == expected
    assert {cell.spec.data.size for cell in found if cell.trains} == {8, TRAIN}


def test_all_rows_are_one_size_however_it_is_said(work: Path) -> None:
    one = {"objectives": ["st"], "controls": [], "seeds": [0]}
    as_count, as_share = (cells_of(study=one | {"sizes": [size]}) for size in (TRAIN, 1.0))
    assert [c.hash for c in as_count] == [c.hash for c in as_share]
    assert as_share[0].spec.size is None
    half = cells_of(study=one | {"sizes": [0.5, 1]})
    assert [c.spec.data.size for c in half] == [6, 1]


def test_the_first_seed_of_all_runs_before_the_second_of_any(work: Path) -> None:
    seeds = [c.spec.seed for c in cells_of() if c.trains]
    assert seeds == sorted(seeds)


def test_equal_time_is_given_the_compute_of_one_mt_cot(work: Path) -> None:
    found = cells_of(study={"alphas": [0.3, 0.5], "seeds": [4]}, train={"patience": 0})
    (equal,) = [c for c in found if c.control == "equal-time"]
    (first, _) = [c for c in found if c.spec.system == "MT-CoT"]
    assert equal.matches == (first.hash,)
    assert (equal.spec.train or {})["matches"] == first.hash
    assert equal.config.train.patience == 0
    assert equal.config.train.objective == equal.spec.objective == "st"
    # It runs after what it is measured by.
    assert found.index(equal) > found.index(first)


def test_where_training_may_stop_early_each_alpha_has_an_equal_time_of_its_own(work: Path) -> None:
    planned = planning.plan_study(study_of(study={"alphas": [0.3, 0.5], "seeds": [4]}))
    equal = {c.spec.alpha: c for c in planned.cells if c.control == "equal-time"}
    multi = {c.spec.alpha: c for c in planned.cells if c.spec.system == "MT-CoT"}
    assert sorted(equal) == sorted(multi) == [0.3, 0.5]
    for alpha, cell in equal.items():
        assert cell.matches == (multi[alpha].hash,)
    compared = {
        pair.alpha: (pair.a_cells[4], pair.b_cells[4])
        for pair in pairs(planned.study, planned.cells)
        if (pair.a, pair.b, pair.way) == ("MT-CoT", "ST (equal time)", "direct")
    }
    assert compared == {alpha: (multi[alpha].hash, equal[alpha].hash) for alpha in (0.3, 0.5)}


@pytest.mark.parametrize("name", ["数据", "a-data-set-whose-name-is-long-" * 4])
def test_explanations_of_other_data_or_another_strategy_have_another_folder(
    name: str, work: Path
) -> None:
    """However long the names are, and however little of them a folder's name can hold."""

    def folders(**dataset: str) -> set[str]:
        found = cells_of(
            study={"strategies": ["cote", "rp", "crop"]}, dataset={"name": name, **dataset}
        )
        return {cell.material.slug for cell in found if cell.material}

    before = folders()
    assert len(before) == 3
    assert not before & folders(name=f"{name}的")
    lines = Path("train.jsonl").read_text("utf-8").splitlines(keepends=True)
    Path("train.jsonl").write_text("".join(reversed(lines)), "utf-8")
    assert not before & folders()


def test_a_cell_is_addressed_by_content_wherever_the_files_lie(
    work: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [c.hash for c in cells_of()]
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "moved"
    shutil.copytree(work, elsewhere)
    monkeypatch.chdir(elsewhere)
    assert [c.hash for c in cells_of()] == before


ADDRESSES = {
    "71880e94255e1637": "colours, majority",
    "ac7b6b06625b533d": "colours, teacher, direct, BIG",
    "dc449ad1d3c7d084": "colours, untrained, SMALL",
    "3a2121aa0a937f18": "colours, ST, SMALL, size 4, seed 3",
    "7450354210c21cb0": "colours, MT-CoT, crop, BIG, SMALL, size 4, alpha 0.3, seed 3",
    "6fdb78d8e2ba459d": "colours, CoT, crop, BIG, SMALL, size 4, seed 3",
    "c0fb67338852d599": "colours, MT-CoT (permuted), crop, BIG, SMALL, size 4, alpha 0.3, seed 3",
    "50a62fd47ca2b69c": "colours, ST (equal time), crop, BIG, SMALL, size 4, alpha 0.3, seed 3",
    "ff42c05fd17a7f40": "colours, ST, SMALL, size 0.5, seed 3",
    "09a7348b05bcac83": "colours, MT-CoT, crop, BIG, SMALL, alpha 0.3, seed 3",
    "bacbaafd6fcddc84": "colours, MT-CoT (permuted), crop, BIG, SMALL, alpha 0.5, seed 3",
}
"""Addresses that cells of a fixed study had before they were typed records: folders that were
written then are continued now."""


def test_a_definition_keeps_its_address_from_one_release_to_the_next(work: Path) -> None:
    found = cells_of(
        study={
            "objectives": ["st", "mt-cot", "cot"],
            "controls": [
                *("untrained", "majority", "equal-time", "permuted"),
                *("teacher-direct", "teacher-cot"),
            ],
            "sizes": [4, 0.5, 1.0],
            "seeds": [3],
            "alphas": [0.3, 0.5],
        },
        train={"lora": True, "patience": 2},
    )
    assert len(found) == 28
    titles = {cell.hash: cell.title for cell in found}
    labels = {"BIG": "recorded:big@b27d9236", "SMALL": "small@3ddf7e97"}
    for address, title in ADDRESSES.items():
        for name, label in labels.items():
            title = title.replace(name, label)
        assert titles[address] == title
    slugs = {cell.material.slug for cell in found if cell.material}
    assert slugs == {"colours-recorded-big-b27d9236-crop-974f5be5"}


@pytest.mark.parametrize(
    ("change", "stay"),
    [
        ({"train": {"epochs": 4}}, {"majority", "untrained"}),
        ({"selection": {"max_words": 50}}, {"majority", "untrained", "ST"}),
        ({"teacher": {"temperature": 0.7}}, {"majority", "untrained", "ST"}),
        ({"student": {"answer_format": "both"}}, {"majority"}),
        ({"evaluate": {"choice_score": "mean"}}, {"majority"}),
        ({"dataset": {"valid_fraction": 0.2}}, set()),
        ({"dataset": {"set_aside": 2}}, set()),
        ({"study": {"one_processor": True}}, None),
        ({"search": {"epochs": [2.0]}}, None),
        (
            {"search": {"objectives": ["st"]}},
            {"majority", "untrained", "MT-Re", "MT-Ra", "MT-CoT", "MT-CoT (permuted)"},
        ),
        ({"teacher": {"concurrency": 2}}, None),
        ({"train": {"token_budget": 512, "memory_check": False}}, None),
        ({"evaluate": {"batch_size": 4}}, None),
        ({"study": {"keep_students": "all"}}, None),
        ({"study": {"name": "other"}}, None),
    ],
)
def test_what_defines_a_cell_changes_its_address_and_nothing_else_does(
    change: dict[str, Any], stay: set[str] | None, work: Path
) -> None:
    before = {c.hash: c.spec.system for c in cells_of()}
    after = {c.hash for c in cells_of(**change)}
    same = {system for name, system in before.items() if name in after}
    assert same == (set(before.values()) if stay is None else stay)


def test_other_data_make_other_cells(work: Path) -> None:
    before = {c.hash for c in cells_of()}
    lines = Path("test.jsonl").read_text("utf-8").splitlines(keepends=True)
    Path("test.jsonl").write_text("".join(lines[1:]), "utf-8")
    assert not before & {c.hash for c in cells_of()}


def test_each_data_set_has_its_own_teacher(work: Path) -> None:
    raw = values()
    shutil.copy("teacher.jsonl", "other.jsonl")
    with open("other.jsonl", "a", encoding="utf-8") as file:
        file.write('{"id": "q0", "teacher": "big", "given_answer": true, "text": "Because."}\n')
    own = {**raw["dataset"][0], "name": "again", "teachers": ["recorded:other.jsonl"]}
    raw["dataset"].append(own)
    found = planning.plan_study(parse_study(raw, source="s.toml", folder=work)).cells
    teachers = {(c.spec.dataset, c.spec.teacher) for c in found if c.spec.teacher}
    assert len(teachers) == 2
    assert len({teacher for _, teacher in teachers}) == 2


# ------------------------------------------------------------------ the family


def compared(planned: planning.PlannedStudy) -> set[tuple[str, str, str]]:
    return {(pair.a, pair.b, pair.way) for pair in planned.family}


def test_by_default_each_multi_task_objective_is_held_against_st_in_two_ways(work: Path) -> None:
    grid = {"strategies": ["crop", "rp"], "sizes": [8, 1.0], "alphas": [0.5, 0.3]}
    planned = planning.plan_study(study_of(study=grid))
    both = {(system, "ST", way) for system in ("MT-Ra", "MT-CoT") for way in ("direct", "chosen")}
    # MT-Re has one way of answering: the same test a second time would only cost the others.
    assert compared(planned) == both | {("MT-Re", "ST", "direct")}
    assert len(planned.family) == 5
    for pair in planned.family:
        assert (pair.strategy, pair.size, pair.alpha) == ("crop", None, 0.5)
        assert sorted(pair.a_cells) == sorted(pair.b_cells) == [0, 1, 2]


def test_the_family_is_what_the_file_declares(work: Path) -> None:
    planned = planning.plan_study(
        study_of(
            study={"strategies": ["crop", "rp"], "sizes": [8, 1.0]},
            confirmatory={
                "objectives": ["mt-cot"],
                "against": ["st", "permuted", "equal-time"],
                "ways": ["direct"],
                "strategy": "rp",
                "size": 8,
            },
        )
    )
    assert compared(planned) == {
        ("MT-CoT", "ST", "direct"),
        ("MT-CoT", "MT-CoT (permuted)", "direct"),
        ("MT-CoT", "ST (equal time)", "direct"),
    }
    assert {(pair.strategy, pair.size) for pair in planned.family} == {("rp", 8)}


def test_what_is_added_after_a_result_is_no_part_of_the_family(work: Path) -> None:
    small = planning.plan_study(study_of(study={"objectives": ["st", "mt-cot"], "seeds": [0, 1]}))
    out = work / "out"
    family = settle_family(out, small.family, small.cells)
    large = planning.plan_study(study_of(study={"objectives": ["st", "mt-cot", "mt-ra"]}))
    # As long as nothing has come out, the declaration may change.
    assert settle_family(out, large.family, large.cells) == list(large.family)
    assert settle_family(out, small.family, small.cells) == family
    for first in (family[0].a_cells[0], family[0].b_cells[1]):
        assert settle_family(out, large.family, large.cells) == list(large.family)
        settle_family(out, small.family, small.cells)
        (out / "cells" / first).mkdir(parents=True)
        (out / "cells" / first / "metrics.json").write_text("{}", "utf-8")
    assert settle_family(out, large.family, large.cells) == family
    declared = (out / "family.json").read_bytes()
    other = planning.plan_study(study_of(train={"epochs": 9}))
    with pytest.raises(RunFolderError, match="begun with different settings"):
        settle_family(out, other.family, other.cells)
    assert (out / "family.json").read_bytes() == declared  # its time, too


def test_a_comparison_that_may_have_been_seen_is_declared_no_more(work: Path) -> None:
    """What has a result counts as seen, whether or not it was declared before."""
    before = planning.plan_study(
        study_of(study={"seeds": [0]}, confirmatory={"objectives": ["mt-cot"]})
    )
    after = planning.plan_study(
        study_of(study={"seeds": [0]}, confirmatory={"objectives": ["mt-re"]})
    )
    out = work / "out"
    settle_family(out, before.family, before.cells)
    (seen,) = after.family
    for name in (seen.a_cells[0], seen.b_cells[0]):
        (out / "cells" / name).mkdir(parents=True)
        (out / "cells" / name / "metrics.json").write_text("{}", "utf-8")
    assert settle_family(out, after.family, after.cells) == list(before.family)
    (out / "family.json").unlink()
    assert settle_family(out, after.family, after.cells) == []


def test_what_could_be_shown_counts_the_seeds_that_were_declared(work: Path) -> None:
    write_lines(Path("test.jsonl"), (question(100 + n, "t") for n in range(200)))
    few, many = (planning.plan_study(study_of(study={"seeds": list(range(n))})) for n in (3, 6))
    (data,) = many.datasets
    assert detectable(data, many.study, many.family).seeds == 6
    assert detectable(data, many.study, few.family).seeds == 3


def test_systems_without_a_common_seed_can_show_nothing(work: Path) -> None:
    """As a damaged family.json may say."""
    planned = planning.plan_study(study_of(study={"seeds": [0, 1]}))
    (data,) = planned.datasets
    family = [replace(pair, b_cells={7: pair.b_cells[0]}) for pair in planned.family]
    found = detectable(data, planned.study, family)
    assert (found.seeds, found.difference, found.in_family) == (0, None, None)


# ------------------------------------------------------------------ the studies of the bench

STUDIES = Path(__file__).parents[1] / "bench" / "studies"


def test_the_studies_of_the_bench_are_studies(shared_data: Path) -> None:
    found = {path.stem: read_study(path) for path in STUDIES.glob("*.toml")}
    assert len(found) == 12
    for name, study in found.items():
        head = (STUDIES / f"{name}.toml").read_text("utf-8").split("[study]")[0]
        assert "xpected time: " in head
        if name.startswith("desk"):  # its files are written by a command
            continue
        for dataset in study.dataset:
            recordings = [
                file
                for reference in study.teachers_of(dataset)
                for file in reference.removeprefix("recorded:").split(",")
            ]
            for file in (dataset.train, dataset.test, *recordings):
                assert Path(file).is_file()
    small = planning.plan_study(found["shuffled"])
    assert systems(list(small.cells))["MT-CoT"] == 3


# ------------------------------------------------------------------ MT-iCoT's controls


def test_mt_icot_has_both_controls_of_its_own(work: Path) -> None:
    planned = planning.plan_study(
        study_of(
            study={"objectives": ["st", "mt-re", "mt-cot", "mt-icot"], "seeds": [4]},
            confirmatory={"against": ["st", "equal-time", "permuted"], "ways": ["direct"]},
        )
    )
    by_system = {cell.spec.system: cell for cell in planned.cells}
    assert len(by_system) == len(planned.cells)
    permuted = by_system["MT-iCoT (permuted)"]
    assert (permuted.spec.objective, permuted.control) == ("mt-icot", "permuted")
    assert permuted.config.train.permute
    assert (permuted.spec.train or {})["removal_share"] == 0.5
    equal = by_system["ST (equal time)"]
    assert equal.matches == (by_system["MT-CoT"].hash, by_system["MT-iCoT"].hash)
    assert compared(planned) == {
        *((a, "ST", "direct") for a in ("MT-Re", "MT-CoT", "MT-iCoT")),
        *((a, "ST (equal time)", "direct") for a in ("MT-Re", "MT-CoT", "MT-iCoT")),
        *((a, f"{a} (permuted)", "direct") for a in ("MT-CoT", "MT-iCoT")),
    }


@pytest.mark.parametrize(
    ("objectives", "permuted", "matched"),
    [
        (["st", "mt-icot"], {"MT-iCoT (permuted)"}, ["MT-iCoT"]),
        (["st", "mt-cot"], {"MT-CoT (permuted)"}, ["MT-CoT"]),
        (["st", "mt-re", "mt-ra"], {"MT-CoT (permuted)"}, ["MT-Re", "MT-Ra"]),
        (["st", "mt-re", "mt-ra", "mt-cot"], {"MT-CoT (permuted)"}, ["MT-CoT"]),
    ],
)
def test_controls_are_those_of_the_study_s_objectives(
    objectives: list[str], permuted: set[str], matched: list[str], work: Path
) -> None:
    found = cells_of(study={"objectives": objectives, "seeds": [4]})
    assert {c.spec.system for c in found if c.control == "permuted"} == permuted
    (equal,) = (c for c in found if c.control == "equal-time")
    titles = {c.hash: c.spec.system for c in found}
    assert [titles[address] for address in equal.matches] == matched


# ------------------------------------------------------------------ schedules that are searched


def test_the_first_seed_searches_and_the_others_take_what_it_found(work: Path) -> None:
    found = cells_of(
        study={"objectives": ["st", "mt-cot"], "seeds": [3, 4]},
        search={
            "objectives": ["st", "mt-cot"],
            "epochs": [8, 2],
            "schedules": ["linear", "constant"],
        },
    )
    of = {(c.spec.system, c.spec.seed): c for c in found}
    expected = [("linear", 2.0), ("linear", 8.0), ("constant", 8.0)]
    for system in ("ST", "MT-CoT"):
        first, second = of[system, 3], of[system, 4]
        assert [(one.schedule, one.epochs) for one in first.search] == expected
        assert (first.searched_by, second.search) == (None, ())
        assert second.searched_by == first.hash
        assert (second.spec.train or {})["searched_by"] == first.hash
    for seed in (3, 4):
        permuted, equal = of["MT-CoT (permuted)", seed], of["ST (equal time)", seed]
        assert permuted.searched_by == of["MT-CoT", 3].hash
        assert equal.searched_by == of["ST", 3].hash
        assert equal.matches == (of["MT-CoT", seed].hash,)
        assert (permuted.search, equal.search) == ((), ())
    order = [cell.hash for cell in found]
    assert all(order.index(need) < order.index(c.hash) for c in found for need in c.needs)


def test_a_schedule_of_its_own_may_make_any_objective_the_one_that_computes_most(
    work: Path,
) -> None:
    found = cells_of(
        study={"objectives": ["st", "mt-re", "mt-cot"], "seeds": [3]},
        search={"objectives": ["mt-re", "mt-cot"]},
    )
    (equal,) = (c for c in found if c.control == "equal-time")
    titles = {c.hash: c.spec.system for c in found}
    assert [titles[address] for address in equal.matches] == ["MT-Re", "MT-CoT"]


def test_the_order_of_the_objectives_changes_no_address(work: Path) -> None:
    def found(*objectives: str) -> set[str]:
        study = {"objectives": ["st", *objectives], "controls": ["equal-time"], "seeds": [0]}
        return {cell.hash for cell in cells_of(study=study)}

    assert found("mt-cot", "mt-icot") == found("mt-icot", "mt-cot")


# ------------------------------------------------------------------ rows set aside


def test_rows_set_aside_are_in_no_cell_and_the_same_for_every_seed(work: Path) -> None:
    study = study_of(dataset={"set_aside": 4}, study={"sizes": [3, 1.0], "seeds": [0, 1]})
    planned = planning.plan_study(study)
    (data,) = planned.datasets
    aside = {example.id for example in data.set_aside}
    assert len(aside) == 4
    assert {example.id for example in data.train} == {f"q{n}" for n in range(TRAIN)} - aside
    sizes = {(c.spec.data.size, c.spec.data.set_aside) for c in planned.cells if c.trains}
    assert sizes == {(3, 4), (8, 4)}
    (again,) = planning.plan_study(
        study_of(dataset={"set_aside": 4}, study={"seeds": [7]})
    ).datasets
    assert again.set_aside == data.set_aside

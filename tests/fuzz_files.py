"""The files that commands read, sound and small, and the commands that read them."""

from __future__ import annotations

import json
import os
import shutil
import stat
from contextlib import AbstractContextManager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq
import tomli_w

from annotation_runs import RUNS, downloaded, write_runs
from teachback.cli import cli
from teachback.files import write_jsonl
from teachback.studies.cell import run_cell
from teachback.studies.config import read_study
from teachback.studies.engines import Ended
from teachback.studies.planning import plan_study
from teachback.studies.running import run_study
from tiny import tiny_causal
from tiny_gguf import tiny_gguf
from tiny_run import COLOURS, question, write_config, write_data

STUDY = """[study]
objectives = ["st", "mt-cot"]
controls = ["majority", "teacher-direct"]
seeds = [0]
teachers = ["recorded:teacher.jsonl"]
students = ["tiny"]
[[dataset]]
name = "colours"
train = "train.jsonl"
test = "test.jsonl"
[student]
precision = "fp32"
[train]
epochs = 1
[evaluate]
explain = false
"""


@dataclass(frozen=True)
class Target:
    """A file to damage and the commands that read it. OUT stands for a new folder, ``{}`` for
    the file."""

    name: str
    file: str
    commands: tuple[str, ...]
    share: float = 1.0
    """How often it is chosen, against others: what loads a model takes longer."""


_DATA = (
    "data check {}",
    "data stats {}",
    "generate {} --teacher scripted --dry-run",
    "export openai-finetune {} -o OUT",
    "evaluate --teacher recorded:teacher.jsonl {} -o OUT",
)
_DRY = "generate train.jsonl --teacher openai:m@http://127.0.0.1:9/v1 --dry-run"
_REPORT = ("report studied --format csv -o -", "report studied --format md -o OUT")
_ASK = " Why? --choice a --choice b"
_SHOWN = f"annotate {' '.join(RUNS)} --data data.jsonl --items 6"
_TRAIN = "train train.jsonl --objective st --student tiny --epochs 1 --precision fp32 -o half"

TARGETS = (
    Target("dataset, JSON lines", "train.jsonl", _DATA, 3),
    Target("dataset, CSV", "train.csv", _DATA, 2),
    Target("dataset, Parquet", "train.parquet", _DATA, 2),
    Target(
        "release of CommonsenseQA",
        "csqa.jsonl",
        ("data import commonsenseqa {} -o OUT", "data import openbookqa {} -o OUT"),
    ),
    Target("release of StrategyQA", "strategyqa.json", ("data import strategyqa {} -o OUT",)),
    Target("release of GSM8K", "gsm8k.jsonl", ("data import gsm8k {} -o OUT",)),
    Target(
        "exemplars",
        "exemplars.jsonl",
        ("generate train.jsonl --teacher scripted --dry-run --exemplars {}",),
    ),
    Target(
        "instructions",
        "policy.txt",
        ("generate train.jsonl --teacher scripted --dry-run --instructions {}",),
        0.3,
    ),
    Target(
        "recording", "teacher.jsonl", ("generate train.jsonl --teacher recorded:{} -o OUT",), 1.5
    ),
    Target("prices, TOML", "prices.toml", (f"{_DRY} --prices {{}}",)),
    Target("prices, JSON", "prices.json", (f"{_DRY} --prices {{}}",)),
    Target("configuration", "run.toml", ("run {} -o run",), 3),
    Target("study file", "study.toml", ("study {} --dry-run", "study {} -o studied"), 3),
    Target(
        "explanations",
        "run/explanations.jsonl",
        ("export openai-finetune train.jsonl --explanations {} -o OUT",),
    ),
    Target("explanations of a run", "run/explanations.jsonl", ("run run.toml -o run",), 0.5),
    Target("rejections of a run", "run/rejections.jsonl", ("run run.toml -o run",), 0.3),
    Target("selection of a run", "run/selection.json", ("run run.toml -o run",), 0.3),
    Target(
        "store",
        "run/completions.sqlite",
        (
            "select run --strategy crop -o OUT",
            "select run --strategy cote -o OUT",
            "generate train.jsonl --teacher recorded:teacher.jsonl --dry-run -o run",
        ),
        3,
    ),
    Target(
        "a run's configuration",
        "run/config.toml",
        ("run run.toml -o run", "select run --strategy rp -o OUT"),
    ),
    Target("manifest", "run/manifest.json", ("run run.toml -o run", "compare run run2")),
    Target("metrics", "run/metrics.json", ("run run.toml -o run", "compare run run2"), 2),
    Target("predictions", "run/predictions.jsonl", ("run run.toml -o run", "compare run run2"), 2),
    Target(
        "predictions of a baseline", "run/predictions.untrained.jsonl", ("run run.toml -o run",)
    ),
    *(
        Target(name, f"studied/{name}", (*_REPORT, "study study.toml -o studied"), 0.7)
        for name in (
            "cells.jsonl",
            "family.json",
            "manifest.json",
            "study.toml",
            "verdicts.json",
            "CELL/cell.json",
            "CELL/result.json",
            "CELL/task.json",
            "CELL/metrics.json",
            "CELL/predictions.jsonl",
            "MATERIAL/selection.json",
            "MATERIAL/explanations.jsonl",
            "MATERIAL/rejections.jsonl",
            "TEACHER/cost.json",
        )
    ),
    Target("packed study", "packed.zip", ("study unpack {} -o OUT",), 2),
    Target(
        "predictions with explanations",
        f"{RUNS[0]}/predictions.jsonl",
        (f"inspect {RUNS[0]} --surface-only --data data.jsonl", f"{_SHOWN} --dry-run"),
    ),
    Target(
        "inspection",
        f"{RUNS[0]}/inspection.json",
        (f"inspect {RUNS[0]} --surface-only --data data.jsonl",),
        0.5,
    ),
    Target("downloaded answers", "answers.jsonl", ("annotate merge {} -o answers",), 2),
    Target("plan of an annotation", "answers/plan.json", ("annotate results answers",)),
    Target("answers of an annotation", "answers/answers.sqlite", ("annotate results answers",), 2),
    Target("verdicts, as a page", "studied/verdicts.json", ("report studied -o OUT",), 0.2),
    Target("training record", "run/student/training.json", ("run run.toml -o run",), 0.3),
    Target("student card", "run/student/teachback.json", (f"ask run{_ASK}",), 0.6),
    Target("student's configuration", "tiny/config.json", (f"ask tiny{_ASK}",), 0.6),
    Target("tokenizer", "tiny/tokenizer.json", (f"ask tiny{_ASK}",), 0.3),
    Target("tokenizer's configuration", "tiny/tokenizer_config.json", (f"ask tiny{_ASK}",), 0.3),
    Target("generation settings", "tiny/generation_config.json", (f"ask tiny{_ASK}",), 0.2),
    Target("weights", "tiny/model.safetensors", (f"ask tiny{_ASK}",), 0.6),
    Target("index of weights", "shards/model.safetensors.index.json", (f"ask shards{_ASK}",), 0.3),
    Target("adapter's configuration", "adapter/adapter_config.json", (f"ask adapter{_ASK}",), 0.3),
    Target("adapter", "adapter/adapter_model.safetensors", (f"ask adapter{_ASK}",), 0.2),
    Target("GGUF", "tiny.gguf", (f"ask gguf:{{}}{_ASK}",), 0.5),
    Target("checkpoints' mark", "half/checkpoints/run.json", (_TRAIN,), 0.1),
)
"""All that commands read. Every command succeeds while its file is sound."""

GIVEN = ("teacher.jsonl", "train.jsonl", "test.jsonl", "run.toml", "study.toml", "tiny")
"""What a folder needs to be given; all else is made from it by commands."""


@dataclass
class HereEngine:
    """Runs the cells of a study in this very process, which has the libraries loaded; stands in
    for `LocalEngine`."""

    slots: int = 1
    threads: int = 1
    name: str = "local"
    finished: list[Ended] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.slots = self.threads = 1

    def start(self, folder: Path, gpu: bool) -> None:
        run_cell(folder)
        self.finished.append(Ended(folder.name, None))

    def ended(self, timeout: float) -> list[Ended]:
        found, self.finished = self.finished, []
        return found

    def stop(self) -> None:
        pass


def cells_here() -> AbstractContextManager[object]:
    """While it lasts, ``teachback study`` runs its cells in this process."""
    return mock.patch("teachback.studies.engines.LocalEngine", HereEngine)


def materials(folder: Path) -> None:
    """Write everything that `TARGETS` name, made by the commands themselves where a command makes
    it. Changes the working folder to ``folder``, which is not moved afterwards: configurations
    name their files with their folder."""
    write_data(folder)
    os.chdir(folder)
    rows = [question(number) for number in range(12)]
    lines = ["id,question,choice_a,choice_b,choice_c,answer"]
    lines += [f"{r['id']},{r['question']},red,green,blue,{r['answer']}" for r in rows]
    Path("train.csv").write_text("\n".join(lines) + "\n", "utf-8")
    pq.write_table(pa.Table.from_pylist(rows), "train.parquet")
    _write_releases()
    exemplars = [{**question(100 + n), "explanation": "They take turns."} for n in range(3)]
    write_jsonl("exemplars.jsonl", exemplars)
    Path("policy.txt").write_text("Colours take turns.\n", "utf-8")
    prices = {"m": {"input": 1.0, "output": 2.0, "cached": 0.5}}
    Path("prices.toml").write_text(tomli_w.dumps(prices), "utf-8")
    Path("prices.json").write_text(json.dumps(prices), "utf-8")
    Path("study.toml").write_text(STUDY, "utf-8")
    tiny_causal(Path("tiny"))
    tiny_gguf(Path("tiny.gguf"))
    _write_shards()
    write_config(folder, Path("tiny"))
    _done("--quiet run run.toml -o run")
    run_study(plan_study(read_study("study.toml")), Path("studied"), HereEngine())
    _done("--quiet study pack studied -o packed.zip")
    write_runs(Path(), items=6)
    _done(f"--quiet inspect {RUNS[0]} --surface-only --data data.jsonl")
    _done(f"--quiet {_SHOWN} --file page.html -o answers")
    _done(f"--quiet annotate merge {downloaded('answers.jsonl')} -o answers")
    shutil.copytree("run", "run2", ignore=shutil.ignore_patterns("student"))
    _done(f"--quiet {_TRAIN} --lora".replace("half", "with-adapter"))
    shutil.copytree("with-adapter/student", "adapter")
    shutil.rmtree("with-adapter")
    Path("half/checkpoints").mkdir(parents=True)
    Path("half/checkpoints/run.json").write_text('{"identity": "of another"}\n', "utf-8")


def _done(words: str) -> None:
    cli.main(words.split(), standalone_mode=False)


def _write_releases() -> None:
    choices = [{"label": "ABC"[n], "text": text} for n, text in enumerate(COLOURS)]
    write_jsonl(
        "csqa.jsonl",
        (
            {"answerKey": "B", "id": f"c{n}", "question": {"stem": f"{n}?", "choices": choices}}
            for n in range(3)
        ),
    )
    asked = [
        {"qid": f"s{n}", "question": f"Is {n} red?", "answer": n % 2 == 0, "facts": ["It is."]}
        for n in range(3)
    ]
    Path("strategyqa.json").write_text(json.dumps(asked), "utf-8")
    sums = [
        {"question": f"{n} and 1?", "answer": f"It is {n + 1}.\n#### {n + 1}"} for n in range(3)
    ]
    write_jsonl("gsm8k.jsonl", sums)


def _write_shards() -> None:
    """The tiny student as a folder whose weights have an index."""
    from safetensors import safe_open

    shutil.copytree("tiny", "shards")
    part = "model-00001-of-00001.safetensors"
    Path("shards/model.safetensors").rename(f"shards/{part}")
    with safe_open(f"shards/{part}", framework="pt") as tensors:
        names = dict.fromkeys(tensors.keys(), part)
    index = {"metadata": {"total_size": 1}, "weight_map": names}
    Path("shards/model.safetensors.index.json").write_text(json.dumps(index), "utf-8")


class Workspace:
    """A folder of `materials` that is as it was again after each case, without being copied
    anew: what has changed is told by its state."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._pristine = place.with_name(f"{place.name}-pristine")
        self._states: dict[str, tuple[int, ...]] = {}
        self._folders: set[str] = set()

    def make(self) -> None:
        """Write the materials; a copy is kept beside them."""
        with (
            open(os.devnull, "w", encoding="utf-8") as nowhere,
            redirect_stdout(nowhere),
            redirect_stderr(nowhere),
        ):
            materials(self.place)
        shutil.copytree(self.place, self._pristine)
        for folder, _, names in os.walk(self.place):
            self._folders.add(os.path.relpath(folder, self.place))
            for name in names:
                file = os.path.relpath(os.path.join(folder, name), self.place)
                os.utime(file, ns=_LONG_AGO)
                self._states[file] = _state(file)

    def restore(self) -> None:
        """Undo whatever a case has done; the working folder is the place again."""
        os.chdir(self.place)
        found = set()
        for folder, inner, names in os.walk("."):
            for name in [*inner, *names]:
                path = os.path.normpath(os.path.join(folder, name))
                if path in self._folders and not os.path.islink(path):
                    continue
                if path in self._states and _state(path) == self._states[path]:
                    found.add(path)
                else:
                    _remove(path)
            inner[:] = [n for n in inner if os.path.isdir(os.path.join(folder, n))]
        for folder in sorted(self._folders):
            os.makedirs(folder, exist_ok=True)
        for file in self._states.keys() - found:
            shutil.copyfile(self._pristine / file, file)
            # A time that no later change has: the clock's step may be longer than a case.
            os.utime(file, ns=_LONG_AGO)
            self._states[file] = _state(file)

    def found(self, file: str) -> Path:
        """A target's file; in a study, one of those whose place has a hash in it."""
        for name, pattern in _HASHED:
            if name in file:
                folder, _, rest = file.partition(f"{name}/")
                return min((self.place / folder).glob(f"{pattern}/{rest}"))
        return self.place / file


_HASHED = (("CELL", "cells/*"), ("MATERIAL", "material/*"), ("TEACHER", "teachers/*"))
_LONG_AGO = (10**18, 10**18)


def _state(file: str) -> tuple[int, ...]:
    status = os.lstat(file)
    return (status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns)


def _remove(path: str) -> None:
    if stat.S_ISDIR(os.lstat(path).st_mode):
        shutil.rmtree(path)
    else:
        os.unlink(path)

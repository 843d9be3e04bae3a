"""An OpenVINO export: its engine answers as the student, and teachback serves it without torch."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from exported import KEYS, QUESTIONS, questions, student
from teachback.cli import cli
from teachback.export.formats import export_files
from teachback.export.openvino_student import OpenVinoStudent
from teachback.records import Role
from teachback.students.causal import CausalStudent
from teachback.students.continuing import TorchContinuation
from teachback.students.load import load
from test_serving import ask, running

pytestmark = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("openvino", "nncf")),
    reason="openvino and nncf are not installed",
)

SOURCE = "Which colour is number 3?\n(A) red\n(B) green and blue"
TARGETS = ("red", "green and blue", "é")
SHORT = "What?\n(A) red\n(B) green"


def export(own: Path, out: Path, *args: str) -> Result:
    check = ("--check", str(questions(own.parent)))
    return CliRunner().invoke(
        cli, ["export", str(own), "--to", "openvino", "-o", str(out), *check, *KEYS, *args]
    )


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export in 16 bits whose model has layers with a window."""
    folder = tmp_path_factory.mktemp("exported")
    done = export(student(folder, "gemma3"), folder / "out", "--weights", "f16")
    assert done.exit_code == 0, done.output
    return folder / "out"


@pytest.fixture(scope="module")
def torch_student(exported: Path) -> CausalStudent:
    found = load(exported.parent / "student", precision="fp32")
    assert isinstance(found, CausalStudent)
    return found


@pytest.mark.parametrize(
    "family", ["gemma3", *(pytest.param(one, marks=pytest.mark.slow) for one in ("qwen3", "llama"))]
)
def test_an_export_in_8_bits_is_checked_and_described(family: str, tmp_path: Path) -> None:
    own = student(tmp_path, family)  # type: ignore[arg-type]
    done = export(own, tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "compression" not in done.output.casefold()  # a library's own tables
    out = tmp_path / "out"
    parity = json.loads((out / "parity.json").read_text("utf-8"))
    assert parity["weights"] == "int8"
    assert parity["questions"] == QUESTIONS + parity["check"]["made"]
    assert 0 < parity["largest_difference"] < 0.1  # 8 bits were written, and they are enough
    assert parity["engine"].startswith("OpenVINO 20")
    for file in out.iterdir():
        if file.suffix != ".bin":
            assert str(tmp_path) not in file.read_text("utf-8"), file
    card = (out / "README.md").read_text("utf-8")
    assert "library_name: openvino" in card
    assert "teachback serve FOLDER" in card


def test_every_file_of_an_export_is_known_as_one(exported: Path) -> None:
    written = {file.name for file in exported.iterdir()} - {"lock"}
    assert set(export_files(written)) == written


def test_choices_are_scored_as_the_student_scores_them(
    exported: Path, torch_student: CausalStudent
) -> None:
    asked = OpenVinoStudent(exported)
    for source in (SOURCE, SHORT, SOURCE * 3):
        (wanted,) = torch_student.log_probabilities([source], [TARGETS])
        found = asked.scores(source, TARGETS)
        assert [count for _, count in found] == [count for _, count in wanted]
        assert [total for total, _ in found] == pytest.approx(
            [total for total, _ in wanted], abs=0.02
        )


def test_a_batch_is_decoded_as_each_question_alone(
    exported: Path, torch_student: CausalStudent
) -> None:
    """Of different lengths, and finished at different times: a row that leaves takes its keys and
    values along."""
    asked = OpenVinoStudent(exported)
    sources = [SHORT, SOURCE, SOURCE * 3, "Who?", "Is it so?\n(A) yes\n(B) no"]
    alone = [asked.generate([source], "explanation", 24)[0] for source in sources]
    assert asked.generate(sources, "explanation", 24) == alone
    assert alone == torch_student.generate(sources, "explanation", 24)
    ended = [asked.generate([source], "explanation", 24)[0] for source in sources for _ in range(2)]
    assert ended[::2] == ended[1::2] == alone  # nothing is left of what was read before


def test_a_question_is_there_as_soon_as_its_last_task_is(exported: Path) -> None:
    asked = OpenVinoStudent(exported)
    sources = [SHORT, SOURCE, SOURCE * 3, "Who?"]
    prompt = (*asked.source_ids(SHORT, "explanation"), *asked.marker_ids("explanation"))
    # Whatever token comes early in one row and late in others ends them at different times.
    asked.tokenizer.eos_token_id = [one.id for one in asked.continued(prompt, 4)][3]
    alone = [asked.generate([source], "explanation", 24)[0] for source in sources]
    limits: dict[Role, int] = {"answer": 3, "explanation": 24}
    made = list(asked.perform(sources, [TARGETS[:2]] * 4, limits, 4))
    texts = {place: done.generated["explanation"] for place, done in made}
    assert texts == dict(enumerate(alone))
    lengths = [done.generated["explanation"].tokens for _, done in made]
    assert lengths == sorted(lengths)
    assert len(set(lengths)) > 1
    for place, done in made:
        assert done.generated["answer"] == asked.generate([sources[place]], "answer", 3)[0]
        assert done.scores == asked.scores(sources[place], TARGETS[:2])
        assert min(done.seconds.values()) > 0
    # One text within another: each has keys and values of its own.
    outer = asked.continued(asked.source_ids(SOURCE, "answer"), 6)
    first = next(outer)
    inner = list(asked.continued(asked.source_ids(SHORT, "answer"), 6))
    assert [first, *outer] == list(asked.continued(asked.source_ids(SOURCE, "answer"), 6))
    assert inner == list(asked.continued(asked.source_ids(SHORT, "answer"), 6))


def test_what_is_compiled_is_kept_where_users_keep_caches(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEACHBACK_CACHE", str(tmp_path / "cache"))
    OpenVinoStudent(exported, keep_compiled=False).scores(SOURCE, TARGETS)
    assert not (tmp_path / "cache").exists()
    wanted = OpenVinoStudent(exported).scores(SOURCE, TARGETS)
    (kept,) = (tmp_path / "cache" / "openvino").iterdir()
    whole = kept.read_bytes()
    assert len(whole) < (exported / "scorer.bin").stat().st_size + 3_000_000
    assert OpenVinoStudent(exported).scores(SOURCE, TARGETS) == wanted
    kept.chmod(0o600)
    kept.write_bytes(whole[: len(whole) // 2])  # by a process that was killed, say
    assert OpenVinoStudent(exported).scores(SOURCE, TARGETS) == wanted
    assert kept.stat().st_size == len(whole)


def test_rows_end_one_after_another(exported: Path) -> None:
    asked = OpenVinoStudent(exported)
    prompts = [
        asked.source_ids(f"{SOURCE} {word}", "answer") for word in ("a", "be", "see", "four")
    ]
    texts = [[one.id for one in asked.continued(prompt, 30)] for prompt in prompts]
    # Whatever token comes first in the one row and late in another ends them at different times.
    asked.tokenizer.eos_token_id = texts[0][5]
    cut = [text[: text.index(asked.end_id) + 1] if asked.end_id in text else text for text in texts]
    shares = [list(asked.continued(prompt, 30)) for prompt in prompts]
    assert [[one.id for one in share] for share in shares] == cut
    assert len({len(text) for text in cut}) > 1
    together = asked.generate(
        [f"{SOURCE} {word}" for word in ("a", "be", "see", "four")], "answer", 30
    )
    assert all(one.tokens <= 30 for one in together)


def test_texts_are_measured_and_continued_as_by_torch(
    exported: Path, torch_student: CausalStudent
) -> None:
    asked, wanted = OpenVinoStudent(exported), TorchContinuation(torch_student)
    ids = asked.source_ids(SOURCE * 5, "answer")
    assert len(ids) > 200  # read in several passes
    own, other = (list(one.continued(ids, 0, measure=True, top=1)) for one in (asked, wanted))
    assert [token.id for token in own] == list(ids)
    assert [token.log_probability for token in own[1:]] == pytest.approx(
        [token.log_probability for token in other[1:]], abs=0.01
    )
    assert own[0].log_probability is None
    assert all(len(token.likeliest) == 1 for token in own[1:])
    few = [list(one.continued(ids, 4)) for one in (asked, wanted)]
    assert [token.id for token in few[0]] == [token.id for token in few[1]]
    assert [token.log_probability for token in few[0]] == pytest.approx(
        [token.log_probability for token in few[1]], abs=0.01
    )


def test_an_export_is_served_as_it_was_checked(
    exported: Path, torch_student: CausalStudent
) -> None:
    with running(exported) as (address, _):
        body: dict[str, Any] = {
            "question": "Which colour is number 3?",
            "choices": ["red", "green and blue"],
            "explain": True,
        }
        status, reply = ask(address, "v1/answer", body)
        assert status == 200, reply
        (wanted,) = torch_student.log_probabilities([SOURCE], [TARGETS[:2]])
        shares = list(reply["probabilities"].values())
        best = max(total for total, _ in wanted)
        assert shares[[total for total, _ in wanted].index(best)] == max(shares)
        assert reply["way"] == "explained"
        text = torch_student.generate([SOURCE], "explanation", 12)[0].text
        assert text.startswith(reply["explanation"])
        message = {"messages": [{"role": "user", "content": SOURCE}], "max_tokens": 5}
        status, reply = ask(address, "v1/chat/completions", message)
        assert status == 200, reply
        assert reply["usage"]["completion_tokens"] == 5
        assert text.startswith(reply["choices"][0]["message"]["content"])
        echoed = {"prompt": "Water", "max_tokens": 0, "echo": True, "logprobs": 1}
        status, reply = ask(address, "v1/completions", echoed)
        assert status == 200, reply
        assert reply["choices"][0]["logprobs"]["token_logprobs"][0] is None


def test_serving_an_export_imports_no_torch(exported: Path) -> None:
    script = (
        "import sys\n"
        "from teachback.serving.app import Serving\n"
        "from teachback.serving.loading import load_served\n"
        "from teachback.serving.requests import AnswerRequest\n"
        f"engine = load_served({str(exported)!r}).engine\n"
        "Serving(engine, 'student')\n"
        "asked = AnswerRequest(question='What?', choices=['red', 'green'], explain=True)\n"
        "((_, answer),) = engine.explain([engine.check(asked)])\n"
        "print(answer.explanation is not None)\n"
        "heavy = {'torch', 'transformers', 'peft', 'scipy.special', 'openvino_telemetry'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == ["True", "[]"], done.stderr


def truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def damaged(file: Path) -> None:
    file.write_text("{", "utf-8")


def of_a_later_version(file: Path) -> None:
    file.write_text(file.read_text("utf-8").replace('"version": 0', '"version": 99'), "utf-8")


def without_sizes(file: Path) -> None:
    row = json.loads(file.read_text("utf-8"))
    del row["sizes"]
    file.write_text(json.dumps(row), "utf-8")


@pytest.mark.parametrize(
    ("name", "damage", "told"),
    [
        ("scorer.bin", truncated, "scorer.bin has"),
        ("decoder.bin", Path.unlink, "decoder.bin is missing"),
        ("scorer.xml", truncated, "OpenVINO cannot load it"),
        ("decoder.xml", Path.unlink, "decoder.xml is missing"),
        ("tokenizer.json", damaged, "not a tokenizer"),
        ("teachback.json", Path.unlink, "teachback.json is missing"),
        ("openvino.json", damaged, "openvino.json"),
        ("openvino.json", of_a_later_version, "upgrade teachback"),
        ("openvino.json", without_sizes, "the field 'sizes' is missing"),
    ],
)
def test_a_damaged_export_is_refused_in_one_line(
    exported: Path, tmp_path: Path, name: str, damage: Any, told: str
) -> None:
    for file in exported.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    damage(tmp_path / name)
    done = CliRunner().invoke(cli, ["serve", str(tmp_path), "--port", "0"])
    assert (done.exit_code, len(done.output.splitlines())) == (2, 1), done.output
    assert told in done.output


def test_what_torch_s_commands_say_of_an_export(exported: Path) -> None:
    done = CliRunner().invoke(
        cli, ["ask", str(exported), "What?", "--choice", "a", "--choice", "b"]
    )
    assert (done.exit_code, len(done.output.splitlines())) == (2, 1), done.output
    assert "teachback serve" in done.output
    done = CliRunner().invoke(cli, ["serve", str(exported), "--precision", "bf16"])
    assert (done.exit_code, len(done.output.splitlines())) == (2, 1), done.output
    assert "--weights" in done.output


def test_without_the_extra_nothing_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = student(tmp_path, "llama")
    monkeypatch.setitem(sys.modules, "nncf", None)
    done = export(own, tmp_path / "out")
    assert done.exit_code == 2
    assert "pip install 'teachback[openvino]'" in done.output

"""In which precision a student is computed: decided by the hardware, said, recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

import teachback.students.precision
from bench.precision import compared
from teachback.cli import cli
from teachback.files import read_json
from teachback.students.load import load
from teachback.system.machine import Processor, apple_processor, processor
from teachback.system.precision import on_gpu, on_processor
from tiny import tiny_causal
from tiny_run import write_data

pytestmark = pytest.mark.usefixtures("one_thread")

ZEN_3 = (
    "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 1\n"
    "model name\t: AMD EPYC 7763 64-Core Processor\n"
    "flags\t\t: fpu sse2 fma avx avx2 bmi2 sha_ni vaes vpclmulqdq\n"
)
ZEN_5 = (
    "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 26\nmodel\t\t: 2\n"
    "model name\t: AMD EPYC 9555 64-Core Processor\n"
    "flags\t\t: fpu sse2 fma avx2 avx512f avx512bw avx512vl avx512_bf16 avx512_vnni avx_vnni\n"
)
SKYLAKE = (
    "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R) Gold 6148 CPU\n"
    "flags\t\t: fpu sse2 fma avx2 avx512f avx512dq avx512cd avx512bw avx512vl\n"
)
SAPPHIRE_RAPIDS = (
    "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R) Platinum 8481C\n"
    "flags\t\t: fpu sse2 fma avx2 avx512f avx512bw avx512_bf16 avx512_fp16 amx_bf16 amx_tile\n"
)
GRAVITON_2 = (
    "processor\t: 0\nBogoMIPS\t: 243.75\n"
    "Features\t: fp asimd aes crc32 atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp ssbs\n"
    "CPU part\t: 0xd0c\n"
)
GRAVITON_3 = (
    "processor\t: 0\nBogoMIPS\t: 2100.00\n"
    "Features\t: fp asimd aes atomics fphp asimdhp asimddp sve i8mm svebf16 bf16 dgh rng\n"
    "CPU part\t: 0xd40\n"
)
LINUX = {
    "Zen 3": (ZEN_3, None),
    "Zen 5": (ZEN_5, "avx512_bf16"),
    "Skylake": (SKYLAKE, None),
    "Sapphire Rapids": (SAPPHIRE_RAPIDS, "amx_bf16"),
    "Graviton 2": (GRAVITON_2, None),
    "Graviton 3": (GRAVITON_3, "bf16"),
}
M1 = (
    "machdep.cpu.brand_string: Apple M1\nhw.optional.arm.FEAT_DotProd: 1\n"
    "hw.optional.arm.FEAT_BF16: 0\nhw.optional.arm.FEAT_I8MM: 0\n"
)
M2 = M1.replace("M1", "M2").replace("BF16: 0", "BF16: 1").replace("I8MM: 0", "I8MM: 1")

SLOW = Processor("plain", frozenset({"avx2"}))
FAST = Processor("fast", frozenset({"avx2", "avx512_bf16"}))


def on(monkeypatch: pytest.MonkeyPatch, machine: Processor) -> None:
    """From here on, the machine's processor is another one."""
    monkeypatch.setattr(teachback.students.precision, "processor", lambda: machine)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


# ------------------------------------------------------------------ the decision


@pytest.mark.parametrize("name", LINUX)
def test_bf16_where_the_processor_multiplies_it(name: str, tmp_path: Path) -> None:
    told, native = LINUX[name]
    (tmp_path / "cpuinfo").write_text(told, "ascii")
    choice = on_processor("auto", processor(tmp_path / "cpuinfo").features)
    if native is None:
        assert choice.line == (
            "precision: fp32 (auto; the processor does not multiply bf16 natively: it has none of "
            "amx_bf16, avx512_bf16, bf16)"
        )
    else:
        assert choice.line == (
            f"precision: bf16 (auto; the processor multiplies bf16 natively: {native})"
        )
    assert not choice.slow


def test_an_apple_processor_is_read_from_sysctl() -> None:
    older, newer = apple_processor(M1), apple_processor(M2)
    assert (older.name, older.features) == ("Apple M1", {"asimddp"})
    assert (newer.name, newer.features) == ("Apple M2", {"asimddp", "i8mm", "bf16"})
    assert on_processor("auto", older.features).used == "fp32"
    assert on_processor("auto", newer.features).used == "bf16"
    # PyTorch's own packages for macOS come without the library that would use it.
    without = on_processor("auto", newer.features, library=False)
    assert without.line == "precision: fp32 (auto; this torch lacks oneDNN, which would use bf16)"
    assert apple_processor("").features == frozenset()


def test_a_system_that_tells_nothing_gets_float32() -> None:
    choice = on_processor("auto", ())
    assert (choice.used, choice.slow) == ("fp32", False)
    assert choice.reason == "auto; this system does not say whether the processor has bf16"


def test_what_is_asked_for_is_done_and_called_slow_where_it_is() -> None:
    assert on_processor("fp32", FAST.features).line == "precision: fp32 (as asked for)"
    assert on_processor("bf16", FAST.features).line == "precision: bf16 (as asked for)"
    slow = on_processor("bf16", SLOW.features)
    assert (slow.used, slow.slow) == ("bf16", True)
    assert "slow here" in slow.reason


def test_a_gpu_decides_for_itself() -> None:
    assert on_gpu("auto", native=True).line == (
        "precision: bf16 (auto; the GPU multiplies bf16 natively)"
    )
    assert on_gpu("auto", native=False).used == "fp32"
    assert on_gpu("bf16", native=False).slow
    assert on_gpu("fp32", native=True).used == "fp32"


def test_the_benchmark_counts_what_changes_between_precisions() -> None:
    exact = {
        "same": {"a": 0.7, "b": 0.3},
        "close": {"a": 0.52, "b": 0.48},
        "lost": {"a": 0.9, "b": 0.1},
    }
    rounded = {"same": {"a": 0.6, "b": 0.4}, "close": {"a": 0.49, "b": 0.51}, "lost": None}
    found = compared(exact, rounded)
    assert (found.questions, found.changed) == (3, 2)
    assert found.margins == pytest.approx((0.8, 0.04))
    assert found.largest == pytest.approx(0.1)
    assert found.mean == pytest.approx((0.1 + 0.1 + 0.03 + 0.03) / 4)


# ------------------------------------------------------------------ where users meet it


def teachback_(*words: Any) -> Result:
    result = CliRunner().invoke(cli, ["--quiet", *map(str, words)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def test_commands_say_and_record_the_precision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_data(tmp_path)
    base = tiny_causal(tmp_path / "base", "llama")
    train, test = tmp_path / "train.jsonl", tmp_path / "test.jsonl"
    on(monkeypatch, FAST)
    words = ("train", train, "--objective", "st", "--student", base, "--epochs", 1)
    told = teachback_(*words, "-o", tmp_path / "run")
    line = "precision: bf16 (auto; the processor multiplies bf16 natively: avx512_bf16)"
    assert line in told.stderr.splitlines()
    record = read_json(tmp_path / "run" / "student" / "training.json")
    assert f"precision: {record['precision']} ({record['precision_reason']})" == line

    student = tmp_path / "run" / "student"
    told = teachback_("evaluate", student, test, "--no-baselines", "-o", tmp_path / "fast")
    assert line in told.stderr.splitlines()
    on(monkeypatch, SLOW)
    told = teachback_("evaluate", student, test, "--no-baselines", "-o", tmp_path / "slow")
    assert "precision: fp32 (auto; the processor does not multiply bf16" in told.stderr
    found = [read_json(tmp_path / name / "metrics.json") for name in ("fast", "slow")]
    assert [one["precision"] for one in found] == ["bf16", "fp32"]
    assert found[0]["precision_reason"] == record["precision_reason"]
    told = teachback_("compare", tmp_path / "fast", tmp_path / "slow", "--way", "direct")
    assert "some runs were evaluated in bf16 and some in fp32" in told.stdout

    question = (student, "Which?", "--choice", "red", "--choice", "blue")
    assert "precision" not in teachback_("ask", *question).stderr
    asked = teachback_("ask", *question, "--precision", "bf16")
    assert "precision: bf16 (as asked for, though slow here; " in asked.stderr


def test_a_student_is_computed_in_what_was_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_causal(tmp_path, "llama")
    on(monkeypatch, FAST)
    assert load(folder).model.dtype == torch.bfloat16
    training = load(folder, training=True)
    assert training.model.dtype == torch.float32
    with training.autocast():
        assert torch.is_autocast_enabled("cpu")
    on(monkeypatch, SLOW)
    assert load(folder).model.dtype == torch.float32
    assert load(folder, precision="bf16").model.dtype == torch.bfloat16
    with load(folder, training=True).autocast():
        assert not torch.is_autocast_enabled("cpu")


def test_the_doctor_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHBACK_OFFLINE", "1")
    on(monkeypatch, FAST)
    lines = [" ".join(line.split()) for line in teachback_("doctor").stdout.splitlines()]
    assert (
        "info precision bf16 (auto; the processor multiplies bf16 natively: avx512_bf16)" in lines
    )

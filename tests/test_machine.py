"""What the machine has, as its system and its container tell it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from teachback.system.machine import computing_threads, cores, memory, processor

X86 = """processor\t: 0
model name\t: Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz
flags\t\t: fpu sse2 avx2 avx512f amx_int8 avx512_bf16 amx_bf16 amx_tile
bugs\t\t: spectre_v1

processor\t: 1
model name\t: another
flags\t\t: fpu
"""
ARM = """processor\t: 0
BogoMIPS\t: 2000.00
Features\t: fp asimd asimddp sve i8mm bf16
CPU part\t: 0xd4f
"""


def test_the_processor_of_linux_account(tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(X86)
    found = processor(file)
    assert found.name == "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz"
    assert found.notable == (
        "avx2",
        "avx512f",
        "avx512_bf16",
        "amx_tile",
        "amx_int8",
        "amx_bf16",
    )
    assert "fpu" in found.features


def test_arm_tells_its_features_and_not_its_name(tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(ARM)
    found = processor(file)
    assert found.name
    assert found.notable == ("asimddp", "i8mm", "bf16", "sve")


def test_a_processor_of_which_linux_tells_nothing(tmp_path: Path) -> None:
    found = processor(tmp_path / "none")
    assert found.name
    assert found.features == frozenset()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_cores_are_those_that_the_process_may_use() -> None:
    program = (
        "import os; from teachback.system.machine import cores\n"
        "os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1]); print(cores())"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert told == "1\n"
    assert cores(Path("/nowhere")) == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("files", "share"),
    [
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "100000 100000\n"}, 1),
        ({"cpu.max": "10000 100000\n"}, 1),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "6400000 100000\n"}, 64),
        ({"cpu.max": "damaged"}, None),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "210000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
    ],
)
def test_cores_are_no_more_than_a_container_may_keep_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], share: int | None
) -> None:
    monkeypatch.setattr(psutil.Process, "cpu_affinity", lambda _: list(range(16)))
    (tmp_path / "cpu").mkdir()
    for name, told in files.items():
        (tmp_path / name).write_text(told)
    assert cores(tmp_path) == min(16, share or 16)


@pytest.mark.parametrize(
    ("told", "expected"),
    [("3", 3), ("4,2", 4), (" 5 , 1", 5), *((bad, None) for bad in ("", "0", "-1", "many", "²"))],
)
def test_threads_are_those_of_the_environment_or_one_for_each_core(
    told: str, expected: int | None
) -> None:
    assert computing_threads({"OMP_NUM_THREADS": told}) == (expected or cores())
    assert computing_threads({}) == cores()


def test_memory_is_the_machine_s_or_the_container_s_limit(tmp_path: Path) -> None:
    total = psutil.virtual_memory().total
    limit = tmp_path / "memory.max"
    assert memory([limit]) == total
    for told, expected in (("max\n", total), (f"{total * 2}\n", total), ("1048576\n", 2**20)):
        limit.write_text(told)
        assert memory([tmp_path / "none", limit]) == expected

"""Thousands of commands on damaged files and hostile arguments end with a result or with a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz_cases import fuzz, materials


@pytest.mark.timeout(900)  # 500 take 40 s alone; the bound leaves room for a busy machine
@pytest.mark.parametrize("cases", [500, pytest.param(2_000, marks=pytest.mark.slow)])
def test_no_traceback_no_hang_no_wrong_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cases: int
) -> None:
    monkeypatch.setenv("TEACHBACK_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    pristine = materials(tmp_path / "pristine")
    tally = fuzz(cases, seed=20261125, pristine=pristine, libraries=False)
    assert tally.cases == cases
    assert not tally.faults, "\n".join(
        f"{len(cases)} × {fault}\n  {cases[0]}" for fault, cases in tally.faults.items()
    )
    # Both ends are met: most cases are refused, and many are harmless.
    assert tally.codes[2] > cases / 4
    assert tally.codes[0] > cases / 10
    assert len(tally.kinds) > 30

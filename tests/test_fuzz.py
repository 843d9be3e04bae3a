"""Thousands of commands on damaged files and hostile arguments end with a result or with a line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from fuzz_cases import Case, fault_of, fuzz, in_process, warm_up, words_of
from fuzz_damage import PLACES
from fuzz_files import TARGETS, Workspace

SEED = 20261126
FEW, MANY = 400, 2_000
"""Cases of the quick suite, and with ``--slow``; the latter are the former and more."""


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # models this small only lose by sharing their work out
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("fuzz")
        patch.chdir(folder)
        patch.setenv("TEACHBACK_OFFLINE", "1")
        patch.setenv("TEACHBACK_CACHE", str(folder / "cache"))
        made = Workspace(folder / "space")
        made.make()
        yield made
    torch.set_num_threads(threads)


def test_every_command_succeeds_on_sound_files(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So what the other test damages is what stands between a command and success."""
    monkeypatch.setenv("TEACHBACK_OFFLINE", "1")
    refused = {
        command: ended.said
        for command, ended in warm_up(space).items()
        if ended.code or ended.failed
    }
    other_release = "data import openbookqa csqa.jsonl -o new"
    others_checkpoints = next(t for t in TARGETS if t.file.startswith("half/")).commands[0]
    assert set(refused) <= {other_release, others_checkpoints}, refused


@pytest.mark.parametrize("place", ["a pipe", "zeros without end"])
def test_no_file_may_be_without_end(
    space: Workspace, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("TEACHBACK_OFFLINE", "1")
    monkeypatch.chdir(space.place)
    wrong = {}
    for target in TARGETS:
        words = words_of(target.file, target.commands[0])
        path = space.found(target.file)
        path.unlink()
        PLACES[place](path)
        ended = in_process(list(words))
        space.restore()
        case = Case(words, target.name, place)
        if (fault := fault_of(case, ended, 0)) is not None or ended.code == 1:
            wrong[target.name] = fault or ended.said
    assert not wrong


@pytest.mark.timeout(600)
@pytest.mark.parametrize("cases", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_no_traceback_no_hang_no_wrong_code(
    space: Workspace, monkeypatch: pytest.MonkeyPatch, cases: int
) -> None:
    monkeypatch.setenv("TEACHBACK_OFFLINE", "1")
    tally = fuzz(cases, SEED, space)
    assert tally.cases == cases
    assert not tally.faults, "\n".join(
        f"{len(cases)} × {fault}\n  {cases[0]}" for fault, cases in tally.faults.items()
    )
    # Both ends are met: most cases are refused, and many are harmless.
    assert tally.codes[2] > cases / 4
    assert tally.codes[0] > cases / 10
    assert len(tally.kinds) > 40

"""Python's search for garbage: rare while a process starts, as usual once a student is there."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from teachback.system.garbage import collect_as_usual, collect_rarely


@pytest.fixture(autouse=True)
def thresholds():
    before = gc.get_threshold()
    yield before
    gc.set_threshold(*before)


def test_rare_until_what_stays_is_there(thresholds):
    collect_rarely()
    assert gc.get_threshold()[0] > 10 * thresholds[0]
    frozen = gc.get_freeze_count()
    kept = [[] for _ in range(1000)]
    collect_as_usual()
    assert gc.get_threshold() == thresholds
    assert gc.get_freeze_count() >= frozen + len(kept)


def test_another_programs_settings_stay():
    gc.set_threshold(123, 4, 5)
    frozen = gc.get_freeze_count()
    collect_as_usual()
    assert gc.get_threshold() == (123, 4, 5)
    assert gc.get_freeze_count() == frozen


def test_a_command_that_has_loaded_its_student_collects_as_usual(llama: Path):
    script = (
        "import gc, sys\n"
        "from teachback import cli\n"
        "usual = gc.get_threshold()\n"
        "sys.argv = ['teachback', 'ask', sys.argv[1], 'Is it so?', '--choice', 'yes',"
        " '--choice', 'no', '--way', 'direct']\n"
        "try:\n"
        "    cli.main()\n"
        "finally:\n"
        "    print(gc.get_threshold() == usual, gc.get_freeze_count() > 100_000)\n"
    )
    command = [sys.executable, "-c", script, str(llama)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "True True"

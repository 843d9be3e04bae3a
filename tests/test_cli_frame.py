"""The frame of the command line: what it imports, its help, and how it ends."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import time

import click
import pytest
from click.testing import CliRunner, Result

from teachback import errors
from teachback.cli import COMMANDS, cli
from teachback.files import package_version
from teachback.system.progress import Progress

HEAVY = ("torch", "transformers", "scipy", "numpy", "pydantic", "aiohttp", "tqdm")


@click.command()
@click.argument("what")
@click.pass_obj
def probe(progress: Progress, what: str) -> None:
    """A command that ends in every way a command can."""
    raised: dict[str, BaseException] = {
        "data": errors.DataError("train.jsonl, line 3: the field 'answer' is missing\nreally"),
        "extra": errors.MissingExtraError("torch", "train", "training"),
        "teacher": errors.TeacherError("the teacher gave up after 5 tries"),
        "ctrl-c": KeyboardInterrupt(),
        "disk": OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "f"),
        "safetensors": RuntimeError(
            "Error while serializing: No space left on device (os error 28)"
        ),
        "memory": MemoryError(),
        "torch-memory": RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: …"
        ),
        "no-torch": ModuleNotFoundError("No module named 'torch'", name="torch.nn"),
        "no-module": ModuleNotFoundError("No module named 'foo'", name="foo"),
        "refused": PermissionError(errno.EACCES, "Permission denied", "some/file"),
        "renamed": OSError(errno.EXDEV, "Invalid cross-device link", "a", None, "b"),
        "too many": OSError(errno.EMFILE, "Too many open files"),
        "bug": ZeroDivisionError("a bug"),
        "no system's": OSError("a library's own words"),
        "a socket's": ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
        "our own file": FileNotFoundError(
            errno.ENOENT, "No such file or directory", f"{errors.__file__}/gone"
        ),
    }
    if what in raised:
        raise raised[what]
    click.echo(f"quiet={progress.quiet}")
    with progress.track(2, "probe") as step:
        step.advance(2)


@click.group()
def probes() -> None:
    """A group, as `data` is one."""


probes.add_command(probe)


@pytest.fixture(autouse=True)
def _with_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "probe", (f"{__name__}:probe", "For this test."))
    monkeypatch.setitem(COMMANDS, "probes", (f"{__name__}:probes", "For this test."))


def teachback(*args: str) -> Result:
    return CliRunner().invoke(cli, list(args))


def test_help_is_quick_and_imports_neither_models_nor_commands() -> None:
    program = (
        "import sys\n"
        "sys.argv = ['teachback', '--help']\n"
        "from teachback.cli import main\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    print(*sys.modules, file=sys.stderr)\n"
    )
    started = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    seconds = time.perf_counter() - started
    loaded = set(ended.stderr.split())
    assert "teachback.cli" in loaded
    assert not loaded & set(HEAVY)
    assert not loaded & {place.partition(":")[0] for place, _ in COMMANDS.values()}
    assert "A large model explains" in ended.stdout
    assert seconds < 3  # 0.1 s alone; the bound leaves room for a busy machine


def test_help_lists_each_command_with_its_line() -> None:
    shown = teachback("--help")
    assert shown.exit_code == 0
    for name in ("probe", "probes"):
        assert re.search(rf"^  {name} +For this test\.$", shown.output, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_of_the_table_loads_and_explains_itself(name: str) -> None:
    shown = teachback(name, "--help")
    assert shown.exit_code == 0, shown.output
    assert f"Usage: teachback {name}" in shown.output


def test_version() -> None:
    assert teachback("--version").output == f"teachback {package_version('teachback')}\n"


def test_no_arguments_show_the_help() -> None:
    assert "Commands:" in teachback().output


@pytest.mark.parametrize(
    ("what", "code", "line"),
    [
        ("data", 2, "train.jsonl, line 3: the field 'answer' is missing really"),
        ("extra", 2, "training needs the package 'torch': pip install 'teachback[train]'"),
        ("teacher", 1, "the teacher gave up after 5 tries"),
        (
            "disk",
            2,
            "the disk is full; what was stored is kept: free some space and run the command again",
        ),
        (
            "safetensors",
            2,
            "the disk is full; what was stored is kept: free some space and run the command again",
        ),
        ("memory", 2, "not enough memory: use smaller batches, a smaller student or --lora"),
        ("torch-memory", 2, "not enough memory: use smaller batches, a smaller student or --lora"),
        ("refused", 2, "some/file: Permission denied"),
        ("renamed", 2, "a: Invalid cross-device link"),
        (
            "too many",
            2,
            "the system cannot continue (Too many open files): run the same command again",
        ),
        ("no-torch", 2, "this command needs the package 'torch': pip install 'teachback[train]'"),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(what: str, code: int, line: str) -> None:
    ended = teachback("probe", what)
    assert ended.exit_code == code
    assert ended.stderr == f"teachback: {line}\n"
    assert ended.stdout == ""


def test_ctrl_c_says_that_a_rerun_goes_on() -> None:
    ended = teachback("probe", "ctrl-c")
    assert ended.exit_code == 130
    assert ended.stderr.strip() == (
        "teachback: stopped; what was stored is kept: run the same command again to continue"
    )


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("bug", ZeroDivisionError),
        ("no-module", ImportError),
        ("no system's", OSError),
        ("a socket's", ConnectionResetError),
        ("our own file", FileNotFoundError),
    ],
)
def test_a_bug_keeps_its_traceback(what: str, kind: type[Exception]) -> None:
    ended = teachback("probe", what)
    assert isinstance(ended.exception, kind)


@pytest.mark.parametrize(("value", "shown"), [("1", True), ("0", False), ("", False)])
def test_any_error_has_its_traceback_on_demand(
    monkeypatch: pytest.MonkeyPatch, value: str, shown: bool
) -> None:
    monkeypatch.setenv("TEACHBACK_DEBUG", value)
    for what, raised in (("data", "DataError"), ("refused", "PermissionError")):
        ended = teachback("probe", what)
        assert ended.exit_code == 2
        assert ended.stderr.startswith("Traceback") is shown
        assert (raised in ended.stderr) is shown
        assert ended.stderr.splitlines()[-1].startswith("teachback: ")


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (("prob",), "there is no command 'prob': did you mean probe? (see teachback --help)"),
        (("xyz",), "there is no command 'xyz' (see teachback --help)"),
        (("probe",), "Missing argument 'WHAT' (see teachback probe --help)"),
        (("--loud",), "No such option '--loud' (see teachback --help)"),
    ],
)
def test_mistyped_commands_are_one_line(args: tuple[str, ...], line: str) -> None:
    ended = teachback(*args)
    assert ended.exit_code == 2
    assert ended.stderr == f"teachback: {line}\n"


@pytest.mark.parametrize(
    ("args", "quiet"),
    [
        (("probe", "fine"), False),
        (("--quiet", "probe", "fine"), True),
        (("probe", "fine", "--quiet"), True),
        (("--quiet", "probes", "probe", "fine"), True),
        (("probes", "probe", "--quiet", "fine"), True),
    ],
)
def test_quiet_may_stand_before_or_behind_the_command(args: tuple[str, ...], quiet: bool) -> None:
    ended = teachback(*args)
    assert ended.exit_code == 0, ended.output
    assert ended.stdout == f"quiet={quiet}\n"
    assert ended.stderr.startswith("probe: 2/2 (100%), done in")


def test_a_reader_that_leaves_is_no_error() -> None:
    program = (
        "import click, teachback.cli\n"
        "@click.command()\n"
        "def flood():\n"
        "    for _ in range(100_000):\n"
        "        print('line')\n"
        "teachback.cli.COMMANDS['flood'] = ('__main__:flood', '')\n"
        "import sys; sys.argv = ['teachback', 'flood']\n"
        "teachback.cli.main()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as ended:
        assert ended.stdout is not None
        assert ended.stderr is not None
        assert ended.stdout.readline() == b"line\n"
        ended.stdout.close()
        assert ended.stderr.read() == b""
        assert ended.wait() == 1


def test_python_m_teachback() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "teachback", "--version"], capture_output=True, text=True, check=True
    )
    assert ended.stdout.startswith("teachback ")

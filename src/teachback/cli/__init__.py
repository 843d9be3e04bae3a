"""The command line: a table of commands, imported only when called, and the user's errors.

Each command parses, calls one function and prints. It gets a `Progress` with
``@click.pass_obj``, may raise any error of `teachback.errors`, and returns nothing.
"""

from __future__ import annotations

import difflib
import errno
import importlib
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError

from teachback.cli import signals, streams
from teachback.cli.printing import say
from teachback.errors import MissingExtraError, TeachbackError, UsageError
from teachback.files import is_disk_full
from teachback.system import launch
from teachback.system.garbage import collect_rarely
from teachback.system.progress import Progress
from teachback.system.telemetry import forbid_telemetry

COMMANDS = {
    "demo": ("teachback.cli.demo:demo", "The whole job on a built-in task and student."),
    "run": ("teachback.cli.run:run", "Generate, select, train and evaluate; resumable."),
    "data": ("teachback.cli.data:data", "Check, describe and import datasets."),
    "generate": ("teachback.cli.generate:generate", "Ask a teacher for explanations."),
    "select": ("teachback.cli.generate:select", "Select explanations again from a run's store."),
    "train": ("teachback.cli.train:train", "Train a student on answers and explanations."),
    "evaluate": ("teachback.cli.evaluate:evaluate", "Evaluate a student or a prompted teacher."),
    "compare": ("teachback.cli.compare:compare", "Compare runs with paired tests."),
    "study": ("teachback.cli.study:study", "Run a grid of systems and test the differences."),
    "report": ("teachback.cli.report:report", "Report on a study: HTML, Markdown or CSV."),
    "inspect": ("teachback.cli.inspect:inspect", "Measure the explanations of runs."),
    "judge": ("teachback.cli.judge:judge", "Let a large model judge explanations."),
    "annotate": ("teachback.cli.annotate:annotate", "Let people judge explanations on a page."),
    "export": (
        "teachback.cli.export:export",
        "Write a student, or training files, for other tools.",
    ),
    "push": ("teachback.cli.export:push", "Upload a student to the model hub."),
    "serve": ("teachback.cli.serve:serve", "Serve a student over HTTP, with a page."),
    "ask": ("teachback.cli.evaluate:ask", "Ask a student one question."),
    "doctor": ("teachback.cli.doctor:doctor", "Show what this machine has and what is missing."),
}
"""Name → where the command stands, and its line in the help (which imports nothing)."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

_FIRST_SPEAKS = 2.0
"""Seconds that the other processes leave the first to tell an error and to end."""

_LONGEST_LINE = 2000
"""Characters of an error that are shown."""

_DEBUG_SWITCH = "TEACHBACK_DEBUG"
"""The environment variable that shows the traceback of every error, before its line."""

_WORN_OUT = frozenset(
    (errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EROFS, errno.EAGAIN)
)
"""What a machine may run out of, or fail at, in an operation that names no file."""

_PACKAGE = Path(__file__).absolute().parents[1]

_QUIETER = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
}
_CHATTY = ("accelerate", "huggingface_hub", "peft", "tokenizers", "torch", "transformers")
_TRAIN_PACKAGES = ("accelerate", "gguf", "peft", "safetensors", "torch", "transformers")


class TeachbackGroup(click.Group):
    """The command group, with the commands of `COMMANDS` and one line per user error."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        _accept_quiet(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args[0] not in known and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], known, n=1)
            meant = f": did you mean {near[0]}?" if near else ""
            ctx.fail(f"there is no command {args[0]!r}{meant}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = "teachback",
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run, and exit: 0, or 2 for a user's error, 1 for a teacher's, 130 for Ctrl-C, 143 for
        SIGTERM and 129 for SIGHUP.

        A user's error is one line on stderr, and so is a file operation that the system refuses.
        Anything else that is unforeseen keeps its traceback: it is a bug, and the traceback is its
        report. ``TEACHBACK_DEBUG=1`` shows the traceback of every error.
        """
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        try:
            args = _checked(sys.argv[1:] if args is None else args)
            code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
            sys.stdout.flush()
        except NoArgsIsHelpError as error:
            error.show()
            sys.exit(error.exit_code)
        except click.ClickException as error:
            _fail(_click_message(error), error.exit_code)
        except click.Abort as error:
            # An interrupted generation says itself what is stored and how to continue.
            told = str(error.__cause__ or "")
            number = signals.received()
            how = "stopped" if number is None else f"ended by {number.name}"
            _fail(
                told or f"{how}; what was stored is kept: run the same command again to continue",
                INTERRUPTED if number is None else 128 + number,
            )
        except UsageError as error:
            _fail(str(error), 2)
        except TeachbackError as error:
            _fail(str(error), 1)
        except BrokenPipeError:
            streams.leave()  # the reader (head, less) has left
            sys.exit(1)
        except Exception as error:
            if (message := _known_message(error)) is None:
                raise
            if not launch.is_first() and not isinstance(error, ImportError):
                say(f"teachback: process {launch.process()}: {message}", err=True)
            _fail(message, 2)
        sys.exit(code if isinstance(code, int) else 0)


@click.group(
    "teachback", cls=TeachbackGroup, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="teachback", message="%(prog)s %(version)s")
@click.option("--quiet", is_flag=True, help="One line per step instead of progress.")
@click.pass_context
def cli(ctx: click.Context, quiet: bool) -> None:
    """A large model explains; a small model learns to answer and to say why."""
    _silence_libraries()
    if launch.processes() > 1 and ctx.invoked_subcommand != "train":
        raise UsageError(
            f"teachback {ctx.invoked_subcommand} runs in one process: start it without the "
            "launcher (only teachback train runs in several)"
        )
    # Of several processes that train together, the first speaks for all.
    ctx.obj = Progress(sys.stderr if launch.is_first() else None, quiet=quiet)


def main() -> None:
    """The ``teachback`` command."""
    collect_rarely()
    streams.prepare()
    if launch.processes() == 1:  # a launcher ends its processes itself
        signals.catch()
    cli()


def _accept_quiet(command: click.Command) -> None:
    """Let ``--quiet`` stand behind the command's name too, where people type it."""
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            _accept_quiet(inner)
    elif not any(parameter.name == "quiet" for parameter in command.params):
        help_text = "One line per step instead of progress."
        command.params.append(
            click.Option(
                ["--quiet"], is_flag=True, expose_value=False, callback=_set_quiet, help=help_text
            )
        )


def _set_quiet(ctx: click.Context, _parameter: click.Parameter, quiet: bool) -> None:
    if quiet:
        ctx.obj = Progress(sys.stderr if launch.is_first() else None, quiet=True)


def _silence_libraries() -> None:
    """Hush what the model libraries say about themselves; a user's own setting wins."""
    forbid_telemetry()
    for name, value in _QUIETER.items():
        os.environ.setdefault(name, value)
    for package in _CHATTY:
        warnings.filterwarnings("ignore", module=rf"{package}(\.|$)")


def _click_message(error: click.ClickException) -> str:
    message = error.format_message()
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"{message.rstrip('.')} (see {error.ctx.command_path} --help)"
    return message


def _known_message(error: Exception) -> str | None:
    """The user's line for a full disk, a full memory, a missing extra, or what else the system
    refuses; None for a bug.

    The model libraries raise errors of their own, hence the search in names and texts.
    """
    text = str(error)
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "").partition(".")[0]
        if package in _TRAIN_PACKAGES:
            return str(MissingExtraError(package, "train", "this command"))
        return None
    if (isinstance(error, OSError) and is_disk_full(error)) or "No space left on device" in text:
        return (
            "the disk is full; what was stored is kept: free some space and run the command again"
        )
    if (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "DefaultCPUAllocator: can't allocate memory" in text
    ):
        return "not enough memory: use smaller batches, a smaller student or --lora"
    return _refusal(error) if isinstance(error, OSError) else None


def _checked(args: Sequence[str]) -> Sequence[str]:
    """The arguments. Raises UsageError where one is not text: it would go into files, as a file's
    name or a question, that are UTF-8."""
    for arg in args:
        if "\0" in arg or (not arg.isascii() and arg != arg.encode("utf-8", "replace").decode()):
            raise UsageError(
                f"the argument {arg[:80]!r} is not UTF-8: retype it, or rename the file"
            )
    return args


def _refusal(error: OSError) -> str | None:
    """The line for what the system refuses: an operation on a file that is not this program's
    own, or one that the machine has no means for. None for a bug: an error that the system did
    not raise, or whose file is a part of this package."""
    try:
        os.getcwd()
    except OSError:
        return "the working folder no longer exists: change to one that does"
    if error.errno is None or (error.filename is None and error.errno not in _WORN_OUT):
        return None
    reason = error.strerror or os.strerror(error.errno)
    if error.filename is None:
        return f"the system cannot continue ({reason}): run the same command again"
    if isinstance(error.filename, int):
        return f"file descriptor {error.filename}: {reason}"
    name = os.fsdecode(error.filename)
    return None if _PACKAGE in Path(name).absolute().parents else f"{name}: {reason}"


def _fail(message: str, code: int) -> None:
    if os.environ.get(_DEBUG_SWITCH, "") not in ("", "0"):
        say(traceback.format_exc().rstrip(), err=True)
    if launch.is_first():
        line = " ".join(message.splitlines())
        if len(line) > _LONGEST_LINE:
            line = f"{line[:_LONGEST_LINE]}…"
        say(f"teachback: {line}", err=True)
    else:
        # A launcher ends all processes as soon as one has gone: let the first speak.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(code))
        time.sleep(_FIRST_SPEAKS)
    streams.leave()
    sys.exit(code)

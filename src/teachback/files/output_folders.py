"""The folder that a command writes to: made, held by one writer at a time, and cleared."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from pathlib import Path

from teachback.errors import RunFolderError
from teachback.files.atomic import write_error
from teachback.files.locks import Held, Lock

LOCK = "lock"
"""The lock's file, in the folder that it is for."""

_HELD: ContextVar[frozenset[Path]] = ContextVar("_HELD", default=frozenset())
"""Folders whose lock the code under way has taken. Other threads have taken none."""


@contextlib.contextmanager
def made_whole(goal: Path) -> Iterator[Path]:
    """A folder beside ``goal`` to be filled, which then takes its name: so a ``goal`` that is
    there is complete. Where another process was quicker, its folder is as good and stays.

    Raises:
        RunFolderError: it cannot be written (disk full, …).
    """
    staging = goal.with_name(f".{goal.name}.{secrets.token_hex(4)}.tmp")
    try:
        staging.mkdir(parents=True)
        yield staging
        try:
            staging.rename(goal)
        except OSError:
            if not goal.is_dir():
                raise
    except OSError as error:
        raise write_error(error, goal) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextlib.contextmanager
def one_writer(path: str | Path, *, patience: float = 0) -> Iterator[Path]:
    """Hold a folder, which is made where it is not there: nobody else writes into it meanwhile.

    Whatever writes into a folder takes it before its first change. A step within another one
    that holds the same folder goes on; another process or thread is refused,
    after ``patience`` seconds.

    Raises:
        RunFolderError: another process holds it, or it cannot be made or written.
    """
    folder = make_folder(path)
    try:
        place = folder.resolve()
    except (OSError, RuntimeError) as error:
        raise RunFolderError(f"cannot write {folder}: {error}") from error
    held = _HELD.get()
    if place in held:
        yield folder
        return
    lock = _lock(folder, patience)
    token = _HELD.set(held | {place})
    try:
        with lock:
            yield folder
    finally:
        _HELD.reset(token)


def _lock(folder: Path, patience: float) -> Lock:
    end = time.monotonic() + patience
    while True:
        try:
            return Lock(folder / LOCK)
        except Held as taken:
            if time.monotonic() >= end:
                raise RunFolderError(taken.told_of(folder)) from None
        time.sleep(0.1)


def make_folder(path: str | Path) -> Path:
    """Make sure that ``path`` is a folder.

    Raises:
        RunFolderError: it is something else, or cannot be made.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        for place in (folder, *folder.parents):
            if place.is_symlink() and not place.exists():
                raise RunFolderError(
                    f"{place} is a broken link: remove it, or choose a different folder"
                ) from None
            if place.exists() and not place.is_dir():
                raise RunFolderError(f"{place} is a file: choose a folder for the output") from None
        raise write_error(error, folder) from error
    except OSError as error:
        raise write_error(error, folder) from error
    return folder


def new_folder(path: str | Path, overwrite: bool, names: Iterable[str]) -> Path:
    """Make sure that ``path`` is a folder in which none of ``names`` stands yet.

    ``names`` is what the caller is about to write there. What stands in the way is an
    error, or is removed if ``overwrite`` is set; other files in the folder are left
    alone, so that ``--overwrite`` on a wrong folder costs nothing.

    Raises:
        RunFolderError: something is in the way, or the folder cannot be made or cleared.
    """
    folder = make_folder(path)
    try:
        in_the_way = [name for name in names if os.path.lexists(folder / name)]
        if in_the_way and not overwrite:
            raise RunFolderError(
                f"{folder} already holds {', '.join(in_the_way)}: choose a different folder, or "
                "give --overwrite to replace what is there"
            )
        for name in in_the_way:
            goal = folder / name
            if goal.is_dir() and not goal.is_symlink():
                remove_folder(goal)
            else:
                goal.unlink()
    except OSError as error:
        raise write_error(error, folder) from error
    return folder


def remove_folder(folder: Path) -> None:
    """Remove a folder that is only ever whole or not there: it loses its name first, so that a
    kill in the middle leaves nothing that is taken for it."""
    partial = folder.with_name(f".{folder.name}.removed.tmp")
    shutil.rmtree(partial, ignore_errors=True)
    os.replace(folder, partial)
    shutil.rmtree(partial)

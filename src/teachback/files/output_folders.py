"""The folder that a command writes to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from teachback.errors import RunFolderError
from teachback.files.atomic import write_error


def new_folder(path: str | Path, overwrite: bool, names: Iterable[str]) -> Path:
    """Make sure that ``path`` is a folder in which none of ``names`` stands yet.

    ``names`` is what the caller is about to write there. What stands in the way is an
    error, or is removed if ``overwrite`` is set; other files in the folder are left
    alone, so that ``--overwrite`` on a wrong folder costs nothing.

    Raises:
        RunFolderError: something is in the way, or the folder cannot be made or cleared.
    """
    folder = Path(path)
    try:
        if folder.exists() and not folder.is_dir():
            raise RunFolderError(f"{folder} is a file: choose a folder's name for the output")
        folder.mkdir(parents=True, exist_ok=True)
        in_the_way = [name for name in names if os.path.lexists(folder / name)]
        if in_the_way and not overwrite:
            raise RunFolderError(
                f"{folder} already holds {', '.join(in_the_way)}: "
                "choose another folder, or pass --overwrite to replace what is there"
            )
        for name in in_the_way:
            goal = folder / name
            if goal.is_dir() and not goal.is_symlink():
                shutil.rmtree(goal)
            else:
                goal.unlink()
    except OSError as error:
        raise write_error(error, folder) from error
    return folder

"""Which commit of teachback this is, where it runs from a git checkout of its own."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).absolute().parents[1]
_CHANGED = "+changes"


@cache
def commit(package: Path = _PACKAGE) -> str | None:
    """The commit that ``package`` was checked out at, with ``+changes`` where its files differ from
    it; None where it is not from a git checkout, or git is not there."""
    head = _git(package, "rev-parse", "HEAD")
    # A package that is installed into somebody else's checkout is not one of its files.
    if not head or not _git(package, "ls-files", "--", package.name + "/__init__.py", above=True):
        return None
    changes = _git(package, "status", "--porcelain", "--", ".")
    return f"{head}{_CHANGED}" if changes else head


def _git(package: Path, *words: str, above: bool = False) -> str | None:
    """What git says in the package's folder, or the one above it; None where it refuses."""
    place = package.parent if above else package
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(place), *words],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None

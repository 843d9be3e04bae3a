"""Every error teachback raises on purpose.

TeachbackError
├── UsageError            the user can mend it: one clear line, exit code 2
│   ├── DataError         a dataset, exemplar or explanation file
│   ├── ConfigError       a configuration key or value
│   ├── ReferenceError_   a teacher, student or dataset reference that leads nowhere
│   ├── MissingExtraError an optional dependency that is not installed
│   ├── StoreError        a completion store that is foreign, corrupt or cannot be written
│   └── RunFolderError    a run folder in the way, incomplete or of another run
├── TeacherError          the teacher could not go on (raised only when all hope is lost)
└── CostCapError          the next request could cost more than the cap leaves
"""

from __future__ import annotations

_SHOWN = 80
"""Characters of a bad value that a message shows."""


def quoted(value: object) -> str:
    """A bad value as Python writes it, cut where it is long; for messages."""
    return shortened(repr(value))


def shortened(text: str) -> str:
    """A text, cut where it is long; for messages."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


class TeachbackError(Exception):
    """Base of all."""


class UsageError(TeachbackError):
    """Something the user can mend. The message is one line and says what to do."""


class DataError(UsageError):
    """A dataset, exemplar, explanation or prediction file is not valid."""


class ConfigError(UsageError):
    """A configuration key or value is not valid."""


class ReferenceError_(UsageError):
    """A teacher, student or dataset reference leads nowhere."""


class MissingExtraError(UsageError):
    """An optional dependency is needed and not installed."""

    def __init__(self, package: str, extra: str, what: str) -> None:
        super().__init__(f"{what} needs the package {package!r}: pip install 'teachback[{extra}]'")


class StoreError(UsageError):
    """A completion store is foreign, corrupt or cannot be written."""


class RunFolderError(UsageError):
    """A run folder is in the way, incomplete, or belongs to another run."""


class TeacherError(TeachbackError):
    """The teacher cannot go on; what was stored is kept, and a rerun continues."""


class CostCapError(TeachbackError):
    """The next request could pass the cap on costs; what was stored is kept."""

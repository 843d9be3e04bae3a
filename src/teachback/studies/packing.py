"""A study in one file: packed, to be kept or moved, and unpacked again.

A packed study is a zip file of what its results rest on: the plan, the declared family, of each
cell what defines it, its result, its predictions and what was measured of its explanations, the
teachers' explanations and their counts. Not in it: students, checkpoints, logs, the teachers'
replies, the data. The same folder is always packed into the same bytes. What is read back is held
against the list of names that a study's folder has: no other file is written, wherever its name
would lead, and nothing that is larger than it says or than any study.
"""

from __future__ import annotations

import json
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any, Literal, get_args

import tomli_w

from teachback.errors import DataError, RunFolderError, quoted
from teachback.files import (
    is_file,
    is_folder,
    is_there,
    package_version,
    parse_toml,
    read_explanations,
    read_json,
    read_jsonl,
    read_text,
    require_file,
    row_of,
    write_error,
    writing,
)
from teachback.files.reading import MAX_FILE_BYTES, read_bytes
from teachback.files.rows import Row
from teachback.records import Explanation
from teachback.studies.schema import digest_of, read_plan, result_of
from teachback.versioned import Versioned

LeftOut = Literal["students' explanations", "teachers' explanations"]
"""What is left out of a packed study that would be too large with it, in this order."""

MOST_FILES = 200_000
"""Files of a packed study; no study has so many."""

MOST_BYTES = 2**30
"""Bytes that a packed study may come to once unpacked."""

_NAME = r"(?!\.)[^/\\:\x00-\x1f]{1,200}"
_RECORD = "packed.json"
_PLAN = "cells.jsonl"
_FILES = re.compile(
    r"(?:packed|manifest|precision|family|verdicts|set_aside)\.json|study\.toml|cells\.jsonl"
    r"|cells/[0-9a-f]{16}/(?:(?:cell|result|metrics|equal|schedules|inspection)\.json|predictions\.jsonl)"
    rf"|material/{_NAME}/(?:selection\.json|(?:explanations|rejections)\.jsonl)"
    rf"|teachers/{_NAME}/cost\.json"
    rf"|annotations/{_NAME}/results\.json"
)
"""The files of a study's folder that are packed."""

_INSPECTION = "inspection.json"
"""Of a cell; it holds the hash of the predictions, so it is packed with them as they are alone."""

_TEACHERS_TEXTS = ("explanations.jsonl", "rejections.jsonl")
_DATE = (1980, 1, 1, 0, 0, 0)
"""Of every packed file: when it was packed does not change what is packed."""

_PIECE = 2**20
"""Bytes that are unpacked at once."""

_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What `zipfile` raises of a file that is no zip file, or a damaged one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedRecord:
    """``packed.json``: by which teachback a study was packed, and what was left out.

    ``explanations``: of explanations that were left out, the folder's name below ``material`` →
    `explanations_digest`, so that others do not take their place.
    """

    teachback: str | None
    left_out: tuple[LeftOut, ...]
    explanations: Mapping[str, str]


PACKED_FILE = Versioned(PackedRecord, ())


@dataclass(frozen=True, slots=True)
class PackedStudy:
    """A study that was packed or unpacked. ``path``: the file or the folder that was written;
    ``size``: bytes of the file."""

    path: Path
    size: int
    cells: int
    done: int
    left_out: tuple[LeftOut, ...]


def pack_study(
    folder: str | Path,
    out: str | Path,
    *,
    max_mb: float = 10,
    teachers_explanations: bool = True,
    overwrite: bool = False,
) -> PackedStudy:
    """Write the study in ``folder`` into the file ``out``, of at most ``max_mb`` megabytes.

    A study that is running is packed as far as it has come. Where the file would be larger, the
    explanations in the students' predictions are left out, and then the teachers', which are left
    out anyway without ``teachers_explanations``. Raises
    RunFolderError where ``folder`` holds no study, ``out`` is in the way or cannot be written, or
    where all that is too much; DataError where a file of the study is damaged.
    """
    folder, out = Path(folder), Path(out)
    if not is_file(folder / _PLAN):
        raise RunFolderError(
            f"{folder} is not a study's folder (it has no cells.jsonl): teachback study STUDY.toml "
            "-o DIR writes one"
        )
    if is_folder(out):
        raise RunFolderError(f"{out} is a folder: give a file's name")
    if is_there(out) and not overwrite:
        raise RunFolderError(f"{out} already exists: choose a different name, or give --overwrite")
    plan = read_plan(folder)
    names = sorted(_names_in(folder))
    done = sum(_is_done(folder, cell.hash) for cell in plan)
    students, teachers = get_args(LeftOut)
    attempts: list[tuple[LeftOut, ...]] = [(), (students,), (students, teachers)]
    if not teachers_explanations:
        attempts = [(teachers,), (students, teachers)]
    with writing(out) as file:
        for left_out in attempts:
            file.seek(0)
            file.truncate()
            _write(file, folder, names, left_out)
            size = file.tell()
            if size <= max_mb * 1e6:
                return PackedStudy(out, size, len(plan), done, left_out)
        raise RunFolderError(
            f"{folder} packed without any explanations has {size / 1e6:.1f} MB, more than "
            f"{max_mb:g}: nothing was written; raise --max-mb"
        )


def unpack_study(file: str | Path, folder: str | Path) -> PackedStudy:
    """Write the packed study ``file`` into ``folder``, which must not be there, or be empty.

    Raises DataError where the file is no packed study, or a damaged one; RunFolderError where
    ``folder`` is in the way or cannot be written. Either way nothing is left behind.
    """
    file, folder = Path(file), Path(folder)
    require_file(file)
    if folder.is_symlink() or (
        is_there(folder) and (not is_folder(folder) or any(folder.iterdir()))
    ):
        raise RunFolderError(f"{folder} is not empty: choose a different folder")
    name = folder.absolute().name
    partial = folder.absolute().with_name(f".{name}.unpacked.tmp")
    try:
        shutil.rmtree(partial, ignore_errors=True)  # of an unpacking that was killed
        try:
            partial.mkdir(parents=True)
            _read(file, partial)
            found = _checked(file, partial, folder)
            _move(partial, folder)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    except OSError as error:
        raise write_error(error, folder) from error
    return found


def explanations_digest(explanations: Iterable[Explanation]) -> str:
    """The SHA-256 of explanations, whatever their order, in hexadecimal."""
    rows = sorted(json.dumps(row_of(one), sort_keys=True) for one in explanations)
    return digest_of({"explanations": rows})


def left_out_digest(folder: Path, material: str) -> str | None:
    """The digest of explanations that were left out when the study in ``folder`` was packed;
    None where they were not."""
    path = folder / _RECORD
    return PACKED_FILE.read(path).explanations.get(material) if path.is_file() else None


def _move(partial: Path, folder: Path) -> None:
    """Give ``partial`` its name, or move what it holds into the empty folder that has it; the plan,
    without which a folder is no study, last."""
    if not folder.exists():
        partial.rename(folder)
        return
    for path in sorted(partial.iterdir(), key=lambda path: path.name == _PLAN):
        path.rename(folder / path.name)
    partial.rmdir()


# ------------------------------------------------------------------ packing


def _names_in(folder: Path) -> Iterator[str]:
    """The files of a study that are packed, by their names within its folder."""
    for pattern in ("*", "cells/*/*", "material/*/*", "teachers/*/*", "annotations/*/*"):
        for path in folder.glob(pattern):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and _FILES.fullmatch(name) and name != _RECORD:
                yield name


def _is_done(folder: Path, address: str) -> bool:
    result = result_of(folder, address)
    return result is not None and result.status == "done"


def _write(file: IO[bytes], folder: Path, names: list[str], left_out: tuple[LeftOut, ...]) -> None:
    # What was left out before is not there to be left out again, and stays recorded.
    before = _before(folder)
    digests = dict(before.explanations)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name in names:
            path = folder / name
            if "teachers' explanations" in left_out and path.name in _TEACHERS_TEXTS:
                if path.name == "explanations.jsonl":
                    digests[path.parent.name] = explanations_digest(read_explanations(path))
                continue
            if "students' explanations" in left_out and path.name == _INSPECTION:
                continue
            _add(packed, name, _content(path, "students' explanations" in left_out))
        gone = tuple(one for one in get_args(LeftOut) if one in (*left_out, *before.left_out))
        record = PackedRecord(
            teachback=package_version("teachback"), left_out=gone, explanations=digests
        )
        _add(packed, _RECORD, _as_json(PACKED_FILE.row(record)))


def _before(folder: Path) -> PackedRecord:
    """The record of a study that was unpacked before."""
    path = folder / _RECORD
    if path.is_file():
        return PACKED_FILE.read(path)
    return PackedRecord(teachback=None, left_out=(), explanations={})


def _add(packed: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    packed.writestr(entry, content)


def _content(path: Path, without_explanations: bool) -> bytes:
    """What is packed of a file."""
    if path.name == "predictions.jsonl" and without_explanations:
        rows = ({k: v for k, v in row.items() if k != "explanation"} for _, row in read_jsonl(path))
        return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode(
            "utf-8", "backslashreplace"
        )
    if path.name == "study.toml":
        values = parse_toml(read_text(path), str(path))
        return tomli_w.dumps(_without_folders(values)).encode("utf-8", "backslashreplace")
    if path.name in ("manifest.json", _INSPECTION):
        return _as_json(_without_folders(read_json(path)))
    return read_bytes(path)


def _as_json(row: Row) -> bytes:
    return f"{json.dumps(row, indent=2)}\n".encode()


def _without_folders(row: Row) -> Row:
    """The same values with files by their names alone: where they lay says nothing elsewhere."""
    return {key: _without_folder(value) for key, value in row.items()}


def _without_folder(value: Any) -> Any:
    if isinstance(value, dict):
        return _without_folders(value)
    if isinstance(value, list):
        return [_without_folder(inner) for inner in value]
    return ",".join(map(_plain_name, value.split(","))) if isinstance(value, str) else value


def _plain_name(text: str) -> str:
    """A file's name, or a reference to one, without its folder; any other text as it is."""
    kind, colon, name = text.partition(":")
    if not colon or not re.fullmatch(r"[a-z]{2,}", kind):
        kind, colon, name = "", "", text
    if PurePosixPath(name).is_absolute():
        return f"{kind}{colon}{PurePosixPath(name).name}"
    if PureWindowsPath(name).is_absolute():
        return f"{kind}{colon}{PureWindowsPath(name).name}"
    return text


# ------------------------------------------------------------------ unpacking


def _read(file: Path, partial: Path) -> None:
    """Write all files of a packed study into ``partial``."""
    try:
        with zipfile.ZipFile(file) as packed:
            for entry in _entries(file, packed):
                # In pieces: never more than it says is decompressed; its checksum is compared.
                with packed.open(entry) as content, writing(partial / entry.filename) as goal:
                    shutil.copyfileobj(content, goal, _PIECE)
    except _DAMAGED as error:
        raise DataError(
            f"{file} is not a packed study, or is damaged ({error}): teachback study pack writes "
            "one"
        ) from None
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror or error}") from error


def _entries(file: Path, packed: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files in a packed study; raises DataError where it holds anything else."""
    entries = packed.infolist()
    if len(entries) > MOST_FILES:
        raise DataError(f"{file} holds {len(entries)} files, more than any study has")
    seen: set[str] = set()
    total = 0
    for entry in entries:
        name = entry.filename
        mode = entry.external_attr >> 16
        if not _FILES.fullmatch(name) or entry.orig_filename != name or name in seen:
            raise DataError(f"{file} is not a packed study: it holds {quoted(name)}")
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise DataError(f"{file} is not a packed study: {quoted(name)} is not a plain file")
        seen.add(name)
        total += entry.file_size
        if entry.file_size > MAX_FILE_BYTES or total > MOST_BYTES:
            raise DataError(
                f"{file} would unpack to {total / 2**20:,.0f} MiB or more, which no study does: do "
                "not use it"
            )
    if _RECORD not in seen or _PLAN not in seen:
        lacking = _RECORD if _RECORD not in seen else _PLAN
        raise DataError(
            f"{file} is not a packed study: it has no {lacking}; teachback study pack writes one"
        )
    return entries


def _checked(file: Path, partial: Path, folder: Path) -> PackedStudy:
    """What was unpacked; raises DataError where its plan or a result is damaged."""
    try:
        record = PACKED_FILE.read(partial / _RECORD)
        plan = read_plan(partial)
        done = sum(_is_done(partial, cell.hash) for cell in plan)
    except DataError as error:
        raise DataError(str(error).replace(f"{partial}/", f"{file}: ")) from None
    return PackedStudy(folder, file.stat().st_size, len(plan), done, record.left_out)

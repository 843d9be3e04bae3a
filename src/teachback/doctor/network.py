"""Whether the model hub and the package index answer."""

from __future__ import annotations

import os
import re
import ssl
import subprocess
import sys
import threading
import time
from ast import literal_eval
from base64 import b64encode
from http.client import HTTPException
from typing import Literal
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, url2pathname, urlopen

from teachback.doctor.finding import Finding
from teachback.errors import DataError
from teachback.files import is_folder
from teachback.system.launch import is_offline

PROBE_SECONDS = 3.0
"""How long each of them has to answer."""

_HUB = "https://huggingface.co"


def hub_and_index() -> list[Finding]:
    """Both are asked at once, and neither where ``TEACHBACK_OFFLINE`` is set."""
    hub, index = ("model hub", "hf: students and datasets"), ("package index", "installing extras")
    if is_offline():
        detail = "not checked: TEACHBACK_OFFLINE is set"
        return [Finding(what, "info", detail, purpose) for what, purpose in (hub, index)]
    settings = pip_settings()
    own = os.environ.get("PIP_INDEX_URL") or settings.get("index-url")
    whose = "the index of pip's configuration" if own else "the official index"
    asked = own or default_index()
    probes = [_Probe(*hub, "", os.environ.get("HF_ENDPOINT") or _HUB, None)]
    if asked:
        cert = os.environ.get("PIP_CERT") or settings.get("cert")
        probes.append(_Probe(*index, whose, asked, cert))
    for probe in probes:
        probe.start()
    end = time.monotonic() + PROBE_SECONDS
    found = [probe.finding(end) for probe in probes]
    if not asked:
        found.append(
            Finding(
                index[0],
                "info",
                "not checked: pip, which knows its address, is not installed",
                index[1],
            )
        )
    return found


def default_index() -> str | None:
    """The index that pip asks where nothing is configured; None where there is no pip."""
    told = _pip("--isolated", "install", "--help")
    found = re.search(r"--index-url\b.*?\(default:?\s+(\S+)\)", told, re.DOTALL)
    return found[1] if found else None


class _Probe(threading.Thread):
    """Asks one address once. A daemon thread, because looking up a name knows no time limit."""

    def __init__(self, what: str, purpose: str, whose: str, url: str, cert: str | None) -> None:
        super().__init__(daemon=True)
        self.what, self.purpose, self.whose, self.url, self.cert = what, purpose, whose, url, cert
        self.outcome = ""

    def run(self) -> None:
        # The address itself stays out of the outcome: it may hold a password.
        try:
            address = urlsplit(self.url)
            if address.scheme == "file":
                there = is_folder(url2pathname(address.path))
                self.outcome = "reachable" if there else "not reachable: there is no such folder"
                return
            context = ssl.create_default_context(cafile=self.cert)
            with urlopen(_head(self.url), timeout=PROBE_SECONDS, context=context):  # noqa: S310
                self.outcome = "reachable"
        except HTTPError as error:
            self.outcome = f"answers with status {error.code}"
        except TimeoutError:
            pass
        except DataError:
            self.outcome = "not reachable: its folder cannot be read"
        except (HTTPException, OSError) as error:
            # urllib wraps what went wrong with the connection, time-outs included.
            reason = error.reason if isinstance(error, URLError) else error
            if not isinstance(reason, TimeoutError):
                cause = reason if isinstance(reason, Exception) else error
                self.outcome = f"not reachable ({type(cause).__name__})"
        except ValueError:
            self.outcome = "not reachable: its address is not one of http or https"

    def finding(self, end: float) -> Finding:
        """What came of it by the time ``end`` of the monotonic clock."""
        self.join(max(0.0, end - time.monotonic()))
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


def pip_settings() -> dict[str, str]:
    """pip's configuration by the last part of each key; empty where there is no pip."""
    settings = {}
    # Lines such as global.index-url='…'; those of the environment come last, and they win.
    for line in _pip("config", "list").splitlines():
        key, equals, value = line.partition("=")
        if equals:
            try:
                settings[key.rpartition(".")[2]] = str(literal_eval(value))
            except (SyntaxError, ValueError):
                continue
    return settings


def _pip(*arguments: str) -> str:
    """What pip prints, on lines wide enough for any address; nothing where there is no pip."""
    try:
        return subprocess.run(  # noqa: S603
            [sys.executable, "-m", "pip", *arguments],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
            env={**os.environ, "COLUMNS": "500"},
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""

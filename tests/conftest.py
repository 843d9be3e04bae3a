"""What every test gets: no network, a cache of its own, fixed seeds, and ``--slow``."""

from __future__ import annotations

import gc
import os
import random
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from teachback.system.garbage import collect_as_usual, collect_rarely

SHARED_DATA = Path(__file__).parents[1].parent / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests that take minutes too")


def pytest_configure(config: pytest.Config) -> None:
    # Read once, when the hub's client is imported; subprocesses of tests inherit them.
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    # Each worker takes a core, and so does each process that a test starts: with torch's usual
    # threads the suite takes a third more of the processor's time. Before torch is imported.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    collect_rarely()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="takes minutes: run with --slow"))


def pytest_collection_finish() -> None:
    # Trainings collect garbage at their end; without the libraries' objects that takes no time.
    gc.collect()
    collect_as_usual()


class NetworkBlockedError(RuntimeError):
    """A test tried to leave this machine. Not an OSError: retry loops must not swallow it."""


def _is_local(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode()
    return host in (None, "", "localhost", "::1", "0.0.0.0") or str(host).startswith("127.")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sockets reach this machine only: connections and look-ups of names elsewhere fail."""

    def guard(connect: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(self: socket.socket, address: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(address[0]):
                raise NetworkBlockedError(f"a test tried to connect to {address}")
            return connect(self, address)

        return guarded

    look_up = socket.getaddrinfo

    def guarded_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not _is_local(host):
            raise NetworkBlockedError(f"a test tried to look up {host!r}")
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guard(socket.socket.connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guard(socket.socket.connect_ex))
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)


@pytest.fixture(scope="session")
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep converted weights out of the user's cache; one folder for the whole session."""
    monkeypatch.setenv("TEACHBACK_CACHE", str(_cache))


@pytest.fixture(autouse=True)
def seeds() -> None:
    """Seed what is loaded, so that a test gives the same alone and within the suite."""
    random.seed(0)
    for module, function in (("numpy", "random.seed"), ("torch", "manual_seed")):
        if module in sys.modules:
            seed: Any = sys.modules[module]
            for name in function.split("."):
                seed = getattr(seed, name)
            seed(0)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Models as small as those of the tests only lose by sharing their work out."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny causal student with random weights."""
    from tiny import tiny_causal

    return tiny_causal(tmp_path_factory.mktemp("tiny"), "llama")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A real browser, driven by Playwright; the test skips where either is absent."""
    playwright = pytest.importorskip("playwright.sync_api")
    from test_report_browser import browser

    program = browser()
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data that lies beside a checkout; the test skips without it."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs the real data in {SHARED_DATA.relative_to(SHARED_DATA.parents[2])}")
    return SHARED_DATA

"""Listening, and stopping without losing an answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from aiohttp import web

from teachback.errors import UsageError
from teachback.serving.app import Serving
from teachback.system.event_loops import signalled

LOOPBACK = "127.0.0.1"


def serve(serving: Serving, host: str, port: int, started: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM, then finish what was accepted. ``started`` gets the address.

    ``port`` 0 takes a free one. Raises UsageError where the address cannot be used.
    """
    asyncio.run(_serve(serving, host, port, started))


async def _serve(serving: Serving, host: str, port: int, started: Callable[[str], None]) -> None:
    ended = signalled()
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        raise UsageError(
            f"{host} port {port} cannot be used ({error.strerror}): give a different --port or "
            "--host"
        ) from error
    port = listener.getsockname()[1]
    local = host == LOOPBACK
    hosts = frozenset(f"{name}:{port}" for name in (LOOPBACK, "localhost")) if local else None
    runner = web.AppRunner(
        serving.application(hosts),
        access_log=None,
        handler_cancellation=True,  # a client that is gone is not computed for
        shutdown_timeout=serving.limits.seconds,
        lingering_time=2.0,
    )
    await runner.setup()
    await web.SockSite(runner, listener).start()
    started(f"http://{f'[{host}]' if ':' in host else host}:{port}/")
    try:
        await ended.wait()
    finally:
        serving.stopping = True
        await runner.cleanup()
        await serving.close()

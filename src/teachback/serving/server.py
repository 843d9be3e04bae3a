"""Listening, and stopping without losing an answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from aiohttp import web

from teachback.errors import UsageError
from teachback.serving.app import Serving
from teachback.system.event_loops import signalled
from teachback.system.loopback import LOOPBACK, own_hosts


def serve(
    serving: Serving,
    host: str,
    port: int,
    *,
    started: Callable[[str], None],
    stopping: Callable[[], None],
) -> int:
    """Serve until Ctrl-C or SIGTERM, then finish what was accepted, and refuse the rest meanwhile;
    how many accepted requests could not be answered (their clients do not read). A second signal
    ends the process at once.

    ``started`` gets the address; ``stopping`` is called at the first signal. ``port`` 0 takes a
    free one. Raises UsageError where the address cannot be used.
    """
    return asyncio.run(_serve(serving, host, port, started, stopping))


async def _serve(
    serving: Serving,
    host: str,
    port: int,
    started: Callable[[str], None],
    stopping: Callable[[], None],
) -> int:
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
    runner = web.AppRunner(
        serving.application(own_hosts(port) if host == LOOPBACK else None),
        access_log=None,
        handler_cancellation=True,  # a client that is gone is not computed for
        shutdown_timeout=1.0,  # for replies that are being written: `finish` waited for the rest
        lingering_time=2.0,
    )
    await runner.setup()
    await web.SockSite(runner, listener).start()
    started(f"http://{f'[{host}]' if ':' in host else host}:{port}/")
    try:
        await ended.wait()
        stopping()
        return await serving.finish()
    finally:
        await runner.cleanup()
        await serving.close()

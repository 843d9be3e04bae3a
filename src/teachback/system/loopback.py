"""This machine's own address, and what requests to a server there may name as their host."""

from __future__ import annotations

LOOPBACK = "127.0.0.1"


def own_hosts(port: int) -> frozenset[str]:
    """The Host headers of requests to ``port`` of loopback; clients leave HTTP's own port out."""
    names = (LOOPBACK, "localhost")
    with_port = frozenset(f"{name}:{port}" for name in names)
    return with_port.union(names) if port == 80 else with_port

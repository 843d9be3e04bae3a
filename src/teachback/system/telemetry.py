"""No telemetry: what the libraries that teachback uses would report to their makers, stopped.

======================  ==========================================================================
library                 what it would do, and what stops it
======================  ==========================================================================
``openvino``            its package ``openvino_telemetry`` notes a client's id in the home folder
                        and sends an event whenever ``openvino`` is imported: it is not found
``huggingface_hub``     tells the hub in each request's header what else is installed and which
                        program asks: ``HF_HUB_DISABLE_TELEMETRY``
``ray``                 a cluster that is started here reports its use: ``RAY_USAGE_STATS_ENABLED``
======================  ==========================================================================

The others that teachback imports report nothing; ``transformers`` hands figures of a training to
other libraries (TensorBoard, W&B) only where a user asks for it (``report_to`` of ``tb.train``). A
user's own setting of a variable wins.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_VARIABLES = {"HF_HUB_DISABLE_TELEMETRY": "1", "RAY_USAGE_STATS_ENABLED": "0"}
_BLOCKED = "openvino_telemetry"  # openvino goes without where it is not installed


def forbid_telemetry() -> None:
    """Set the variables, for this process and those that it starts."""
    for name, value in _VARIABLES.items():
        os.environ.setdefault(name, value)


@contextmanager
def no_telemetry() -> Iterator[None]:
    """To be held around the import of a library named above."""
    forbid_telemetry()
    before = sys.modules.get(_BLOCKED)
    sys.modules[_BLOCKED] = None  # type: ignore[assignment]  # the import system's "not there"
    try:
        yield
    finally:
        if before is None:
            del sys.modules[_BLOCKED]
        else:
            sys.modules[_BLOCKED] = before
    # The hub reads its variable when it is first imported, which may have been before.
    hub = sys.modules.get("huggingface_hub.constants")
    if hub is not None and os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1":
        hub.HF_HUB_DISABLE_TELEMETRY = True  # type: ignore[attr-defined]

"""Whether this process is a notebook's."""

from __future__ import annotations

import sys


def in_notebook() -> bool:
    """Whether the code under way was called from a notebook's cell. Imports nothing."""
    ipython = sys.modules.get("IPython")
    if ipython is None:
        return False
    shell = ipython.get_ipython()
    return shell is not None and "IPKernelApp" in shell.config

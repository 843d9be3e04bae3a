"""Python's search for garbage, while a process starts: importing the model libraries and reading a
large tokenizer make millions of objects that stay, and the usual search goes through them again
and again: a fifth to a quarter of the time to a first answer.
"""

from __future__ import annotations

import gc

_USUAL = gc.get_threshold()
_RARE = (50_000, 100, _USUAL[2])


def collect_rarely() -> None:
    """For a process of this package's own, when it starts."""
    gc.set_threshold(*_RARE)


def collect_as_usual() -> None:
    """Once what stays is there: it is left out of later searches, and what is made from then on,
    which may hold tensors, is found as soon as ever. Nothing, where `collect_rarely` was not
    called: another program's settings are its own."""
    if gc.get_threshold() == _RARE:
        gc.freeze()
        gc.set_threshold(*_USUAL)

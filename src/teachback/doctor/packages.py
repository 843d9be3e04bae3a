"""The packages that teachback declares to need, extras included, and which of them are there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from teachback.doctor.finding import Finding
from teachback.modelfiles.wheels import KNOWN

PURPOSES = {
    "": "everything",
    "train": "training and running a student",
    "parquet": "Parquet files and hf: datasets",
    "gguf-teacher": "a teacher on this machine (gguf:, pypi:); one of the two is enough",
    "openvino": "export --to openvino, and serving what it wrote",
    "ray": "studies on a cluster",
}
"""What each extra is for; an extra that is not listed goes by its name."""

_REQUIREMENT = re.compile(r"([\w.-]+)[^;]*(?:;.*\bextra == ['\"]([\w-]+)['\"])?")


def packages(
    requirements: Iterable[str] | None, version_of: Callable[[str], str | None]
) -> Iterator[Finding]:
    """teachback and what it needs, in the order declared.

    ``requirements`` are those of the installed teachback (``metadata.requires``); ``version_of``
    gives the version of an installed package, or None. Extras for developers are left out, and
    so are those that only bring weights, which have findings of their own.
    """
    version = version_of("teachback")
    if version is None:
        yield Finding("teachback", "missing", "not installed as a package", PURPOSES[""])
        return
    yield Finding("teachback", "ok", version)
    without = {"dev", *(wheels.extra for wheels in KNOWN.values())}
    for requirement in requirements or ():
        match = _REQUIREMENT.match(requirement)
        if match is None or (extra := match[2] or "") in without:
            continue
        version = version_of(match[1])
        purpose = PURPOSES.get(extra, f"the extra {extra}")
        if version is not None:
            yield Finding(match[1], "ok", version, purpose)
        else:
            command = f"pip install 'teachback[{extra}]'" if extra else "pip install teachback"
            yield Finding(match[1], "missing", f"not installed: {command}", purpose)

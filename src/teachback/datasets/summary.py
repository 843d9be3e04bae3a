"""What `check` found, for people: the worst first, each complaint once however often it occurs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from teachback.datasets.checking import CheckResult, Problem
from teachback.formatting import plural

_LINES_SHOWN = 5
# What differs between two rows with the same complaint: quoted values, lists and numbers.
_OWN = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|“[^”]*”|\[[^\]]*\]|\d+")


def summary_lines(result: CheckResult, *, every: bool = False) -> list[str]:
    """One line for each complaint: problems before warnings, what concerns the whole file before
    what concerns rows, frequent before rare. With ``every``, one for each row instead."""
    lines = [
        f"{prefix}{line}"
        for prefix, found in (("", result.problems), ("warning: ", result.warnings))
        for line in _grouped(found, result.path, every)
    ]
    if not result.problems:
        lines.append(f"{result.path}: {result.rows} rows, {result.kind}, all good")
        if result.readings:
            shown = ", ".join(f"{written!r} as {read}" for written, read in result.readings)
            lines.append(f"{result.path}: answers are read like this: {shown}")
    return lines


def _grouped(found: Sequence[Problem], path: str, every: bool) -> list[str]:
    if every:
        return [problem.at(path) for problem in found]
    groups: dict[tuple[bool, str], list[Problem]] = {}
    for problem in found:
        key = (problem.line is not None, _OWN.sub("…", problem.reason))
        groups.setdefault(key, []).append(problem)
    ordered = sorted(groups.items(), key=lambda group: (group[0][0], -len(group[1])))
    return [f"{alike[0].at(path)}{_more(alike)}" for _, alike in ordered]


def _more(alike: Sequence[Problem]) -> str:
    """How many further rows have the complaint, and where the first of them are."""
    rest = [str(problem.line) for problem in alike[1:] if problem.line is not None]
    if not rest:
        return ""
    etc = ", …" if len(rest) > _LINES_SHOWN else ""
    where = f"{plural(len(rest), 'line')} {', '.join(rest[:_LINES_SHOWN])}{etc}"
    return f" (and {len(rest):,} more like this: {where})"

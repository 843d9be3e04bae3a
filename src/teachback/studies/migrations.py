"""Older forms of a study's files, brought to the present one. Rows of JSON, not checked yet.

Version 0 is what was written before files had a version. What a damaged row lacks, or has in a
form of its own, is left as it is: the check that follows names it.
"""

from __future__ import annotations

import re

from teachback.files.rows import Row

_FINDING = re.compile(
    r": (?P<finding>not shown|shown, .*? is better|a hint, .*? is higher)\.(?P<caveats>.*)$",
    re.DOTALL,
)


def unchanged(row: Row) -> Row:
    return row


def result_from_version_0(row: Row) -> Row:
    """Some keys came in time, and ``equal_to`` was written only where there is one."""
    return {"precision": None, "resumed": False, "equal_to": None, **row}


def result_from_version_1(row: Row) -> Row:
    """All of valid was asked, and how many that were was not written."""
    return {"valid_asked": None, **row}


def result_from_version_2(row: Row) -> Row:
    """Schedules were not searched, and neither commit nor processor was written."""
    if isinstance(row.get("equal_to"), dict):
        row = {**row, "equal_to": equal_from_version_1(row["equal_to"])}
    return {"processor": None, "commit": None, "schedule": None, "tried": [], **row}


def equal_from_version_1(row: Row) -> Row:
    """ST was matched with MT-CoT alone."""
    return {"matched": "mt-cot", **row}


def task_from_version_1(row: Row) -> Row:
    """One cell's passes were matched, MT-CoT's; no schedule was searched, no vocabulary trimmed."""
    passes = row.get("equal_to")
    trained = {"objective": "mt-cot", "planned": passes, "passes": passes}
    later = {"at_least": 0.0, "search": [], "schedule": None, "set_aside": 0, "trimmed_base": None}
    return {**later, **row, "equal_to": [] if passes is None else [trained]}


def cost_from_version_0(row: Row) -> Row:
    return {"lost": 0, **row}


def verdicts_from_version_0(row: Row) -> Row:
    """Finding and caveats stood in the sentence alone."""
    row = {"test_in_train": {}, "detectable": {}, **row}
    for name in ("confirmatory", "exploratory"):
        rows = row.get(name)
        if isinstance(rows, list):
            row[name] = [
                verdict_from_version_0(one) if isinstance(one, dict) else one for one in rows
            ]
    return row


def verdict_from_version_0(row: Row) -> Row:
    found = _FINDING.search(str(row.get("verdict")))
    if found is None or row.get("difference") is None:
        return {**row, "finding": None, "caveats": []}
    said = found["finding"].partition(",")[0]
    finding = {"not shown": "not-shown", "a hint": "hint"}.get(said, said)
    # Each caveat is a sentence: with a capital and a stop, which the caveats themselves lack.
    sentences = [part for part in re.split(r"(?<=\.) (?=[A-Z])", found["caveats"].strip()) if part]
    caveats = [part[:1].lower() + part[1:].removesuffix(".") for part in sentences]
    return {**row, "finding": finding, "caveats": caveats}

"""``teachback doctor``."""

from __future__ import annotations

import click

from teachback.cli.printing import say


@click.command()
def doctor() -> None:
    """Show what this machine has, what is missing, and what it is needed for.

    Versions, processor, cores, memory, disk, GPU, whether the model hub and the package index
    answer, and which weights are there. The exit code is 0, whatever is found.
    """
    from teachback.doctor import examine

    findings = examine()
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        say(f"{finding.state:<7}  {finding.name:<{width}}  {finding.detail}")
    missing: dict[str, list[str]] = {}
    for finding in findings:
        if finding.state == "missing":
            missing.setdefault(finding.needed_for, []).append(finding.name)
    say()
    if not missing:
        say("nothing is missing")
    for purpose, names in missing.items():
        say(f"missing for {purpose}: {', '.join(names)}")

"""``teachback doctor``."""

from __future__ import annotations

import click


@click.command()
def doctor() -> None:
    """Show what this machine has and what is missing for what.

    Versions, processor, cores, memory, disk, GPU, whether the model hub and the package index
    answer, and which weights are there. The exit code is 0, whatever is found.
    """
    from teachback.doctor import examine

    findings = examine()
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        click.echo(f"{finding.state:<7}  {finding.name:<{width}}  {finding.detail}")
    missing: dict[str, list[str]] = {}
    for finding in findings:
        if finding.state == "missing":
            missing.setdefault(finding.needed_for, []).append(finding.name)
    click.echo()
    if not missing:
        click.echo("nothing is missing")
    for purpose, names in missing.items():
        click.echo(f"missing for {purpose}: {', '.join(names)}")

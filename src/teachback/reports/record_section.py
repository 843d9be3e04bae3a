"""What the figures rest on: every cell and its end, configuration, versions, seeds, hashes."""

from __future__ import annotations

from collections.abc import Collection

from teachback.formatting import NOTHING, count
from teachback.reports.arms import factor_words
from teachback.reports.folder import ReportedCell, ReportedStudy, State
from teachback.reports.page import Block, Content, Figure, Paragraph, Section, Table, Verbatim
from teachback.reports.text import hours
from teachback.studies.factors import FACTORS

_ENDS: tuple[tuple[State, str, str], ...] = (
    ("failed", "Cells that failed", "The next run of the study tries them again."),
    ("unreadable", "Cells whose files cannot be read", ""),
    ("not-available", "Cells that are not available", "No rerun would change this."),
    ("not-run", "Cells that were not run", "Planned, and not finished yet."),
)


def cells_section(study: ReportedStudy) -> Section:
    """Which cells came to an end and which did not, and why."""
    total = count(len(study.cells), "planned cell" if study.planned else "begun cell")
    blocks: list[Block] = [
        Paragraph(
            f"{len(study.in_state('done')):,} of {total} done. A failed cell does not stop the "
            "others, and none of its figures is in this report."
        )
    ]
    for state, title, note in _ENDS:
        cells = study.in_state(state)
        if cells:
            blocks.append(_table(title, cells, note, why=state != "not-run"))
    if len(blocks) == 1:
        blocks.append(Paragraph("None has failed, and none is still to be run."))
    return Section("Failed, not available, not run", tuple(blocks))


def record_section(study: ReportedStudy) -> Section:
    """Configuration, versions, seeds and hashes."""
    manifest = study.manifest
    unknown = "not recorded"
    facts: list[tuple[Content, ...]] = [
        ("Last run begun", manifest.date if manifest else unknown),
        ("teachback", (manifest and manifest.teachback) or unknown),
        ("Python", manifest.python if manifest else unknown),
        ("Platform", manifest.platform if manifest else unknown),
        ("Seeds", _listed({c.spec.seed for c in study.cells})),
    ]
    done = [cell.result for cell in study.in_state("done") if cell.result]
    facts += [
        ("Engine", _listed({result.engine for result in done})),
        ("Hosts", _listed({result.host for result in done})),
        ("Processors", _listed({result.processor for result in done})),
        ("Commits of teachback", _listed({result.commit for result in done})),
        ("Threads per cell", _listed({result.threads for result in done})),
        ("Precision of training", _listed({result.precision for result in done})),
    ]
    began = sorted(result.began for result in done)
    if began:
        facts.append(("Cells begun, first and last", f"{began[0]} and {began[-1]}"))
    blocks: list[Block] = [Table("How it was made", ("What", "Value"), tuple(facts))]
    if manifest and manifest.packages:
        rows = tuple(manifest.packages.items())
        blocks.append(Table("Versions of packages", ("Package", "Version"), rows, folded=True))
    blocks.append(_hashes(study))
    if study.settings_text is not None:
        blocks.append(Verbatim("Configuration (study.toml, as resolved)", study.settings_text))
    cells = tuple(
        (
            _name(cell),
            cell.state.replace("-", " "),
            _training(cell),
            cell.spec.hash,
        )
        for cell in study.cells
    )
    head = ("Cell", "Status", "Training", "Hash")
    blocks.append(Table("All cells", head, cells, folded=True))
    return Section("Configuration, versions, seeds, hashes", tuple(blocks))


def _training(cell: ReportedCell) -> str:
    if cell.result is None:
        return hours(None)
    time = hours(cell.result.seconds_train)
    return f"{time} (resumed: its last process)" if cell.result.resumed else time


def _hashes(study: ReportedStudy) -> Table:
    inputs = study.manifest.inputs if study.manifest else {}
    rows = tuple((name, file.path, file.sha256) for name, file in inputs.items())
    title = "Input files"
    if not rows:
        return Table(title, ("Input", "File"), (("all", "not recorded"),))
    return Table(title, ("Input", "File", "SHA-256"), rows)


def _table(title: str, cells: list[ReportedCell], note: str, *, why: bool) -> Table:
    rows = []
    for cell in cells:
        row: tuple[Content, ...] = (_name(cell),)
        rows.append((*row, cell.error or "not recorded") if why else row)
    return Table(title, ("Cell", "Why") if why else ("Cell",), tuple(rows), note)


def _name(cell: ReportedCell) -> Figure:
    """A cell in words: system and dataset, and the factors it depends on."""
    parts = []
    for factor in FACTORS:
        value = cell.spec.value(factor)
        if value is not None or (factor == "size" and not cell.is_baseline):
            parts.append(factor_words(factor, value))
    if cell.spec.seed is not None:
        parts.append(f"seed {cell.spec.seed}")
    return Figure(f"{cell.spec.system}, {cell.spec.dataset}", ", ".join(parts))


def _listed(values: Collection[int | str | None]) -> str:
    """What is known of ``values``, in order."""
    numbers = sorted(value for value in values if isinstance(value, int))
    texts = sorted(value for value in values if isinstance(value, str))
    return ", ".join([*map(str, numbers), *texts]) or NOTHING

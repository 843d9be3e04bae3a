"""What the figures rest on: every cell and its end, configuration, versions, seeds, hashes."""

from __future__ import annotations

from teachback.report.arms import Arms, factor_words
from teachback.report.folder import BASELINES, FACTORS, Cell, Study, text_of
from teachback.report.page import Block, Content, Figure, Paragraph, Section, Table, Verbatim
from teachback.report.text import NOTHING, count, hours

_ENDS = (
    ("failed", "Cells that failed", "The next run of the study tries them again."),
    ("unreadable", "Cells whose files cannot be read", ""),
    ("not-available", "Cells that are not available", "They cannot be had here, as told."),
    ("not-run", "Cells that were not run", "Planned, and not finished yet."),
)


def cells_section(study: Study) -> Section:
    """Which cells came to an end and which did not, and why."""
    total = count(len(study.cells), "planned cell" if study.planned else "begun cell")
    blocks: list[Block] = [
        Paragraph(
            f"{len(study.with_status('done')):,} of {total} done. A failed cell does not stop "
            "the others, and no figure of it enters this report."
        )
    ]
    for status, title, note in _ENDS:
        cells = study.with_status(status)
        if cells:
            blocks.append(_table(title, cells, note, why=status != "not-run"))
    if len(blocks) == 1:
        blocks.append(Paragraph("None failed, none is left out, none is left to run."))
    return Section("Failed, not available, not run", tuple(blocks))


def record_section(study: Study, arms: Arms) -> Section:
    """Configuration, versions, seeds and hashes."""
    manifest = study.manifest
    facts: list[tuple[Content, ...]] = [
        ("Last run begun", text_of(manifest.get("date")) or "not recorded"),
        ("teachback", text_of(manifest.get("teachback")) or "not recorded"),
        ("Python", text_of(manifest.get("python")) or "not recorded"),
        ("Platform", text_of(manifest.get("platform")) or "not recorded"),
        ("Seeds", _listed(sorted({c.seed for c in study.cells if c.seed is not None}))),
    ]
    done = study.with_status("done")
    for key, name in (
        ("engine", "Engine"),
        ("host", "Hosts"),
        ("threads", "Threads per cell"),
        ("precision", "Precision of training"),
    ):
        values = sorted({text for c in done if (text := text_of(c.result.get(key))) is not None})
        facts.append((name, _listed(values)))
    began = sorted(text for c in done if (text := text_of(c.result.get("began"))) is not None)
    if began:
        facts.append(("Cells begun, from and to", f"{began[0]} to {began[-1]}"))
    blocks: list[Block] = [Table("How it was made", ("What", "Value"), tuple(facts))]
    packages = manifest.get("packages")
    if isinstance(packages, dict) and packages:
        rows = tuple((str(name), text_of(version) or "?") for name, version in packages.items())
        blocks.append(Table("Versions of packages", ("Package", "Version"), rows, folded=True))
    blocks.append(_hashes(study))
    if study.settings_text is not None:
        blocks.append(Verbatim("Configuration (study.toml, as resolved)", study.settings_text))
    cells = tuple(
        (_name(cell), cell.status.replace("-", " "), hours(cell.number("seconds_train")), cell.hash)
        for cell in study.cells
    )
    head = ("Cell", "Status", "Training", "Hash")
    blocks.append(Table("All cells", head, cells, folded=True))
    return Section("Configuration, versions, seeds, hashes", tuple(blocks))


def _hashes(study: Study) -> Table:
    inputs = study.manifest.get("inputs")
    rows: list[tuple[Content, ...]] = []
    for name, entry in inputs.items() if isinstance(inputs, dict) else ():
        if isinstance(entry, dict):
            path, digest = text_of(entry.get("path")), text_of(entry.get("sha256"))
            rows.append((str(name), path or "not recorded", digest or "not recorded"))
    title = "Input files"
    if not rows:
        return Table(title, ("Input", "File"), (("all", "not recorded"),))
    return Table(title, ("Input", "File", "SHA-256"), tuple(rows))


def _table(title: str, cells: list[Cell], note: str, *, why: bool) -> Table:
    rows = []
    for cell in cells:
        row: tuple[Content, ...] = (_name(cell),)
        rows.append((*row, cell.error or "not recorded") if why else row)
    return Table(title, ("Cell", "Why") if why else ("Cell",), tuple(rows), note)


def _name(cell: Cell) -> Figure:
    """A cell in words: system and dataset, and the factors it depends on."""
    parts = []
    for factor in FACTORS:
        value = getattr(cell, factor)
        if value is not None or (factor == "size" and cell.control not in BASELINES):
            parts.append(factor_words(factor, value))
    if cell.seed is not None:
        parts.append(f"seed {cell.seed}")
    return Figure(f"{cell.system}, {cell.dataset}", ", ".join(parts))


def _listed(values: list[str] | list[int]) -> str:
    return ", ".join(map(str, values)) if values else NOTHING

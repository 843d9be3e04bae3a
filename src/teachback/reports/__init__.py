"""A study's report: one HTML file for people, the same in Markdown, and a CSV row per cell.

It reads a study's folder through its files alone. Every figure is measured again from the
predictions, by the functions of :mod:`teachback.evaluation`; the verdicts are the study's.

``folder``                the study's folder, read through :mod:`teachback.studies.schema`
``arms``                  its cells grouped over seeds, with the figures of each group
``page``                  what a page consists of: sections of paragraphs, tables, charts
``verdict_section``       the verdict, from ``comparisons`` and ``controls``
``accuracy_section``      accuracy by dataset and by every factor
``curves_section``        learning curves, size curves
``cost_section``          accuracy and cost of an answer, in every way of answering
``confidence_section``    how sure the answers are, and how often those are right
``explanations_section``  yield and rejections of the explanations; cost of the study
``inspection_section``    automatic measures of the explanations
``annotation_section``    what people said of the explanations
``examples_section``      examples about which two systems disagree
``record_section``        cells that have no result; configuration, versions, hashes
``html``                  a page as HTML, with ``markup`` (elements), ``svg`` (charts), ``style``
``markdown``              a page as Markdown
``csv_table``             a row for each cell
``text``                  how numbers are written and text is made safe to show
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from teachback.errors import RunFolderError
from teachback.files import is_file, is_folder, package_version, write_text
from teachback.formatting import count
from teachback.reports import csv_table, html, markdown
from teachback.reports.accuracy_section import accuracy_section
from teachback.reports.annotation_section import annotation_section
from teachback.reports.arms import Arms
from teachback.reports.confidence_section import confidence_section
from teachback.reports.cost_section import cost_section
from teachback.reports.curves_section import curves_section
from teachback.reports.examples_section import examples_section
from teachback.reports.explanations_section import effort_section, explanations_section
from teachback.reports.folder import ReportedStudy, read_folder
from teachback.reports.inspection_section import inspection_section
from teachback.reports.page import Page
from teachback.reports.record_section import cells_section, record_section
from teachback.reports.verdict_section import verdict_section

__all__ = ["Format", "report", "write_report"]

Format = Literal["html", "md", "csv"]

_MARKS = (html.MARK, markdown.MARK, csv_table.MARK)


def report(folder: str | Path, form: Format = "html") -> str:
    """The report of the study in ``folder``, as the text of a file.

    Raises RunFolderError where there is no study, DataError where its plan is damaged. A study
    that is not finished, or has failed cells, gets a report that says so.
    """
    study = read_folder(folder)
    arms = Arms(study)
    if form == "csv":
        return csv_table.csv_table(arms)
    page = _page(study, arms)
    return html.html_page(page) if form == "html" else markdown.markdown_page(page)


def write_report(folder: str | Path, form: Format = "html", out: str | Path | None = None) -> Path:
    """Write the report, into the study's folder unless ``out`` says where; the file's path.

    An older report is replaced. Raises RunFolderError where another file is in the way, and
    as :func:`report` does.
    """
    path = Path(folder) / f"report.{form}" if out is None else Path(out)
    text = report(folder, form)
    if is_folder(path):
        raise RunFolderError(f"{path} is a folder: give a file's name")
    if is_file(path) and not _is_report(path):
        raise RunFolderError(
            f"{path} exists and is not a report of teachback: choose a different file, or remove it"
        )
    write_text(path, text)
    return path


def _page(study: ReportedStudy, arms: Arms) -> Page:
    sections = [
        verdict_section(study),
        accuracy_section(arms),
        curves_section(arms),
        cost_section(arms),
        confidence_section(arms),
        explanations_section(study),
        inspection_section(arms),
        annotation_section(study),
        effort_section(study, arms),
        examples_section(study, arms),
        cells_section(study),
        record_section(study),
    ]
    datasets = ", ".join(arms.datasets) or "no dataset"
    return Page(
        title=f"Study {study.name}",
        subtitle=(
            f"{datasets}; {count(len(arms.systems), 'system')}, "
            f"{count(len(study.cells), 'cell')}; report of teachback "
            f"{package_version('teachback') or '(version unknown)'}"
        ),
        sections=tuple(section for section in sections if section is not None),
    )


def _is_report(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        start = file.read(4096)
    return not start or any(mark in start for mark in _MARKS)

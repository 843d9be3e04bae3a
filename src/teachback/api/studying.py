"""Studies and their reports."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from teachback.api.watching import notice_of, progress_of
from teachback.errors import ConfigError
from teachback.files.result_rows import ResultRows
from teachback.reports import Format
from teachback.studies.config import StudyFile, parse_study, read_study
from teachback.studies.schema import Status, Verdicts

if TYPE_CHECKING:
    from teachback.studies.engines import CellEngine


@dataclass(frozen=True, slots=True, repr=False)
class StudyResult(ResultRows):
    """What a study came to."""

    folder: Path
    verdicts: Verdicts
    states: Mapping[str, Status | None]
    """Cell's address → how it has ended; None where it has not."""
    ran: int
    """Cells that this call has finished."""

    def __repr__(self) -> str:
        counts = Counter(state or "not run" for state in self.states.values())
        states = ", ".join(f"{number} {state}" for state, number in counts.items())
        shown = [row for row in self.verdicts.confirmatory if row.finding == "shown"]
        return (
            f"{len(self.states)} cells: {states} ({self.ran} in this run); {len(shown)} of "
            f"{len(self.verdicts.confirmatory)} confirmatory comparisons shown; "
            f"files: {self.folder}"
        )

    def to_rows(self) -> list[dict[str, object]]:
        """The comparisons, as in ``verdicts.json``; ``declared``: before the study ran."""
        both = ((self.verdicts.confirmatory, True), (self.verdicts.exploratory, False))
        return [{"declared": declared, **asdict(row)} for rows, declared in both for row in rows]


def study(
    study: str | Path | Mapping[str, object],
    *,
    folder: str | Path | None = None,
    engine: Literal["local", "ray"] = "local",
    jobs: int | None = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> StudyResult:
    """Train and compare everything that a study file names, or a dictionary with the same keys;
    nothing is done twice.

    ``folder``: by default ``runs/NAME``. ``engine``: cells are processes on this machine, or tasks
    of a Ray cluster. ``jobs``: cells at once. ``threads``: of each cell. Raises ConfigError,
    DataError or ReferenceError_ for what the caller can fix, before anything runs.
    """
    from teachback.studies import planning, running

    if isinstance(study, str | Path):
        read: StudyFile = read_study(study)
    else:
        read = parse_study(dict(study), source="study", folder=Path.cwd())
    for name, value in (("jobs", jobs), ("threads", threads)):
        if value is not None and value < 1:
            raise ConfigError(f"study(): {name} = {value}: it must be 1 or more")
    goal = Path("runs", str(read.study.name)) if folder is None else Path(folder)
    shown = progress_of(progress)
    planned = planning.plan_study(read, notice_of(shown))
    outcome = running.run_study(
        planned,
        goal,
        _engine(engine, jobs or 0, threads or 0),
        progress=shown,
        notice=notice_of(shown),
    )
    return StudyResult(goal, outcome.verdicts, outcome.states, outcome.ran)


def _engine(name: str, jobs: int, threads: int) -> CellEngine:
    if name == "ray":
        from teachback.studies.ray_engine import RayEngine

        return RayEngine(jobs, threads)
    if name != "local":
        raise ConfigError(f"study(): engine = {name!r}: it must be 'local' or 'ray'")
    from teachback.studies.engines import LocalEngine

    return LocalEngine(jobs, threads)


def pack_study(
    folder: str | Path,
    out: str | Path,
    *,
    max_mb: float = 10,
    teachers_explanations: bool = True,
    overwrite: bool = False,
) -> Path:
    """Pack the results and predictions of the study in ``folder`` into the file ``out`` (zip).

    A study that is half done is packed as far as it has come. Where the file would have more than
    ``max_mb`` megabytes, explanations are left out. Without ``teachers_explanations``, those of the
    teachers are always left out, for people who may not have their texts. Raises RunFolderError
    where there is no study, or where ``out`` exists already.
    """
    from teachback.studies import packing

    if not 0 < max_mb < math.inf:
        raise ConfigError(f"pack_study(): max_mb = {max_mb}: it must be a number above 0")
    packed = packing.pack_study(
        folder,
        out,
        max_mb=max_mb,
        teachers_explanations=teachers_explanations,
        overwrite=overwrite,
    )
    return packed.path


def unpack_study(file: str | Path, folder: str | Path) -> Path:
    """Write the packed study ``file`` to ``folder``, which must be new or empty.

    `report` then says the same as for the study that was packed, and `study` continues it. Raises
    DataError where the file is not a packed study.
    """
    from teachback.studies import packing

    return packing.unpack_study(file, folder).path


def report(folder: str | Path, *, form: Format = "html", out: str | Path | None = None) -> Path:
    """Write the report on the study in ``folder``: a page (``html``, ``md``) or a row per cell
    (``csv``). Returns the file, by default ``report.FORM`` in the folder.

    Raises RunFolderError where there is no study, or where something else is in the way.
    """
    from teachback.reports import write_report

    if form not in get_args(Format):
        raise ConfigError(f"report(): form = {form!r}: it must be html, md or csv")
    return write_report(folder, form, out)

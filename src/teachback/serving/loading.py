"""From what a user names to a student that can be served, by the engine that it is made for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from teachback.errors import UsageError
from teachback.export.openvino_files import is_openvino_export
from teachback.serving.engine import ServedStudent, StudentEngine
from teachback.system.garbage import collect_as_usual
from teachback.system.precision import Precision


@dataclass(frozen=True, slots=True)
class Loaded:
    """A student and the engine around it; ``note``: what users should know of its speed."""

    student: ServedStudent
    engine: StudentEngine
    note: str | None


def load_served(reference: str, precision: Precision = "auto") -> Loaded:
    """An OpenVINO export by OpenVINO, whatever else by torch, which is imported only for that: an
    export's first answer comes in a fraction of the time.

    Raises ReferenceError_ where there is no such student, UsageError where ``precision`` is asked
    for and the weights are not torch's.
    """
    folder = Path(reference)
    if is_openvino_export(folder):
        from teachback.export.openvino_student import OpenVinoStudent

        if precision != "auto":
            raise UsageError(
                f"--precision {precision}: an OpenVINO export computes with the weights that it "
                "was written with: export again with a different --weights"
            )
        openvino = OpenVinoStudent(folder)
        collect_as_usual()
        return Loaded(openvino, StudentEngine(openvino, openvino.with_shared_weights()), None)
    from teachback.students.causal import CausalStudent
    from teachback.students.continuing import TorchContinuation
    from teachback.students.student import Student

    model = Student.load(reference, precision=precision).model
    language = None
    if isinstance(model, CausalStudent):
        language = TorchContinuation(model.with_shared_weights())
    note = model.precision.line if model.precision.slow else None
    return Loaded(model, StudentEngine(model, language), note)

"""The files of an OpenVINO export, and what its graphs take and give. No torch here.

========================  =========================================================================
``scorer.xml``            reads a question once with all its choices; log-probabilities of these
``decoder.xml``           reads tokens behind those that it has read; the likeliest next ones
``tokenizer.json``        the student's, as it is loaded
``openvino.json``         what follows from the weights and stands in no other file
========================  =========================================================================

Beside each ``.xml`` lies its ``.bin`` with the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from teachback.errors import DataError, ReferenceError_
from teachback.export.config import WeightType
from teachback.students.weights import OPENVINO
from teachback.versioned import Versioned

SCORER, DECODER = "scorer", "decoder"
TOKENIZER = "tokenizer.json"

SCORER_INPUTS = ("input_ids", "position_ids", "branch_ids", "index", "at", "target_ids")
"""The first three (rows, longest) as in `teachback.students.rows.causal_arrays`; ``index``
(positions,) the flattened positions whose next token is a target, each once; ``at`` (targets,)
the place in ``index`` of each target; ``target_ids`` (targets,)."""
SCORER_OUTPUT = "log_probabilities"
"""(targets,)"""

DECODER_INPUTS = ("input_ids", "position_ids", "key_positions", "index", "target_ids")
"""``input_ids, position_ids`` (rows, read now); ``key_positions`` (rows, read before and now): the
position of every token, −1 where there is none; ``index`` (positions,) flattened positions among
those read now; ``target_ids`` (positions,) a token for each."""
ROWS = "rows"
"""One more input, (rows,): which rows of those read before go on, as numbers of these."""
DECODER_OUTPUTS = ("log_probabilities", "likeliest", "likeliest_log_probabilities")
"""(positions,): of the target, which token is the likeliest, and its log-probability."""


@dataclass(frozen=True, slots=True)
class Description:
    """What the engine has to know of an export besides the student's card."""

    weights: WeightType
    end_id: int
    pad_id: int | None
    positions: int | None
    sizes: dict[str, int]
    """Bytes of each file with weights."""

    def save(self, folder: Path) -> None:
        _FILE.write(folder / OPENVINO, self)

    @classmethod
    def load(cls, folder: Path) -> Description:
        """Raises ReferenceError_ where ``folder`` is no whole OpenVINO export."""
        path = folder / OPENVINO
        try:
            found = _FILE.read(path)
        except DataError as error:
            raise ReferenceError_(f"{error}; export the student again") from error
        if set(found.sizes) != {f"{name}.bin" for name in (SCORER, DECODER)}:
            raise ReferenceError_(f"{path}: the field 'sizes' names other files than an export has")
        for name in (f"{SCORER}.xml", f"{DECODER}.xml", TOKENIZER, *found.sizes):
            file = folder / name
            if not file.is_file():
                raise ReferenceError_(f"{file} is missing: export the student again")
            wanted = found.sizes.get(name)
            if wanted is not None and file.stat().st_size != wanted:
                raise ReferenceError_(
                    f"{file} has {file.stat().st_size} bytes and should have {wanted}: it was "
                    "cut off, or is of a different export; export the student again"
                )
        return found


_FILE = Versioned(Description, ())


def is_openvino_export(folder: Path) -> bool:
    """Whether ``folder`` says that it is one."""
    return (folder / OPENVINO).is_file()

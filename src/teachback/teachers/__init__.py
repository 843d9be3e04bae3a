"""Teachers: large models that explain. ``open_teacher`` turns a reference into one."""

from __future__ import annotations

from pathlib import Path
from typing import assert_never

from teachback.modelfiles.wheels import gguf_file, known
from teachback.records import KeyHeader
from teachback.references import (
    GgufReference,
    OpenAIReference,
    RecordedReference,
    ScriptedReference,
    WheelsReference,
    parse_teacher,
)
from teachback.system.progress import Notice
from teachback.teachers.prompts import Form
from teachback.teachers.protocol import Teacher

__all__ = ["Teacher", "open_teacher"]


def open_teacher(
    reference: str,
    *,
    form: Form = "chat",
    concurrency: int | None = None,
    timeout: float = 120.0,
    max_reply_mb: int = 8,
    key_header: KeyHeader = "authorization",
    api_key_file: Path | None = None,
    notice: Notice | None = None,
) -> Teacher:
    """The teacher that a reference names.

    `teachback.references` has the grammar. ``openai:`` is OpenAI or any server that speaks its
    protocol (vLLM, llama.cpp, Ollama, hosted); the key comes from ``api_key_file``, else from
    ``OPENAI_API_KEY`` or the file named by ``OPENAI_API_KEY_FILE``. ``gguf:`` and ``pypi:``
    run a model in this process.

    Args:
        reference: As above, for a teacher.
        form: Whether a remote model is asked as a chat or for a plain completion.
        concurrency: Upper bound on the requests in flight.
        timeout: Seconds for one attempt at one request, remote teachers only.
        max_reply_mb: The longest body of a response, remote teachers only.
        key_header: The header that a server wants its key in, remote teachers only.
        api_key_file: A file that holds the key and nothing else.
        notice: Gets a line before anything that takes a while (joining a file from wheels).

    Raises:
        ReferenceError_: It leads nowhere; says what exists.
        MissingExtraError: A package that would run it, or wheels it comes in, are not installed.
        DataError: A recording is not valid.
    """
    named = parse_teacher(reference)
    match named:
        case RecordedReference():
            from teachback.teachers.recorded import RecordedTeacher

            return RecordedTeacher(named.files, form=form)
        case GgufReference():
            from teachback.teachers.gguf import GgufTeacher

            return GgufTeacher(named.file, form=form, concurrency=concurrency)
        case WheelsReference(name):
            from teachback.teachers.gguf import GgufTeacher

            file = gguf_file(name, notice)
            sha256 = known(name).sha256
            return GgufTeacher(file, form=form, concurrency=concurrency, sha256=sha256)
        case OpenAIReference():
            from teachback.teachers.openai import OpenAITeacher

            return OpenAITeacher(
                named.model,
                base_url=named.address,
                form=form,
                concurrency=concurrency,
                timeout=timeout,
                max_reply_mb=max_reply_mb,
                key_header=key_header,
                api_key_file=api_key_file,
            )
        case ScriptedReference():
            from teachback.teachers.scripted import ScriptedTeacher

            text = named.text or "Nothing else fits.\nThe answer is (A)."
            return ScriptedTeacher(lambda _request: text, form=form, remember=False)
    assert_never(named)

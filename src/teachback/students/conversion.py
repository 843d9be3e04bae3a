"""GGUF files converted once to what transformers trains.

Weights are dequantised into float32 safetensors in the cache. Rounding them to bfloat16
would halve the copy and change 83% of the values of Gemma 3 270M base, dequantised from
Q4_K_M: another model.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from teachback.errors import MissingExtraError, ReferenceError_
from teachback.files import made_whole, package_version, write_json
from teachback.modelfiles.header import GgufHeader, one_line
from teachback.modelfiles.wheels import cache_folder
from teachback.system.progress import Notice

CONVERTER_VERSION = 1
"""Part of a converted folder's name; raised when the conversion's outcome changes."""


def converted_folder(sha256: str) -> Path:
    """Where the conversion of the GGUF file with this hash lies in the cache, or would lie."""
    return cache_folder() / "converted" / f"{sha256[:16]}-v{CONVERTER_VERSION}"


def converted(
    file: Path, sha256: str, title: str, header: GgufHeader, notice: Notice | None
) -> Path:
    """The folder of the converted ``file``; ``title`` names it in the notice.

    Made under another name and renamed when whole, so a folder that is there is complete.

    Raises:
        MissingExtraError: a package that the conversion needs is not installed.
        ReferenceError_: the file's architecture is not supported, or the file is damaged.
        RunFolderError: the cache cannot be written (disk full, …).
    """
    goal = converted_folder(sha256)
    if goal.is_dir():
        return goal
    for package in ("gguf", "torch", "transformers"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "train", f"converting {file.name}")
    if notice is not None:
        notice(f"converting {title} to safetensors (once; takes a minute or two)")
    with made_whole(goal) as staging:
        try:
            with _quiet():
                _convert(file, header, staging)
        except Exception as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # from the disk; the others are the reader's own
            # Whatever a foreign file makes of a foreign reader, the user gets one line.
            raise ReferenceError_(f"{file} cannot be converted: {one_line(error)}") from error
        source = {
            "gguf": file.name,
            "sha256": sha256,
            "transformers": package_version("transformers"),
        }
        write_json(staging / "conversion.json", source)
    return goal


def _convert(file: Path, header: GgufHeader, goal: Path) -> None:
    """Dequantise ``file`` and save model and tokenizer in ``goal``."""
    import torch
    import transformers

    family = (
        transformers.AutoModelForSeq2SeqLM
        if header.architecture == "t5"
        else transformers.AutoModelForCausalLM
    )
    folder, name = str(file.absolute().parent), file.name
    options: dict[str, Any] = {}
    if hasattr(transformers, "GgufConfig"):
        # Newer versions keep some architectures' weights packed unless told otherwise.
        options["quantization_config"] = transformers.GgufConfig(dequantize=True)
    model = family.from_pretrained(
        folder, gguf_file=name, dtype=torch.float32, trust_remote_code=False, **options
    )
    # The tensors are plain float32 now; these marks are all that keeps them from being saved.
    model.hf_quantizer = None
    for owner in (model, model.config):
        for mark in ("is_quantized", "_is_quantized", "quantization_method", "quantization_config"):
            vars(owner).pop(mark, None)
    model.save_pretrained(goal)
    transformers.AutoTokenizer.from_pretrained(
        folder, gguf_file=name, trust_remote_code=False
    ).save_pretrained(goal)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the converter's own bars and warnings off the terminal."""
    import transformers

    verbosity = transformers.utils.logging.get_verbosity()
    transformers.utils.logging.set_verbosity_error()
    try:
        with (
            open(os.devnull, "w", encoding="utf-8") as nowhere,
            contextlib.redirect_stderr(nowhere),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers.utils.logging.set_verbosity(verbosity)

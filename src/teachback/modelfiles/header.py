"""What a GGUF file says about itself."""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from teachback.errors import DataError, ReferenceError_
from teachback.files import require_file


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What the first keys of a GGUF file say about it."""

    architecture: str
    licence: str | None


def read_gguf_header(file: Path) -> GgufHeader:
    """Read the ``general.*`` keys, which stand first; takes no time, unlike the vocabulary.

    Raises:
        ReferenceError_: the file is missing or is not a GGUF file.
    """
    found: dict[str, str] = {}
    try:
        require_file(file)
        with file.open("rb") as stream:
            if stream.read(4) != b"GGUF":
                raise ReferenceError_(f"{file} is not a GGUF file")
            _, _, keys = struct.unpack("<IQQ", _exactly(stream, 20))
            _require(keys <= _MOST)
            for _ in range(keys):
                key = _string(stream)
                if not key.startswith("general."):
                    break
                value = _value(stream, *struct.unpack("<I", _exactly(stream, 4)))
                if isinstance(value, str):
                    found[key] = value
    except DataError as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            raise ReferenceError_(f"there is no GGUF file {file}") from error
        raise ReferenceError_(str(error)) from error
    except (OSError, EOFError, ValueError) as error:
        raise ReferenceError_(f"{file} cannot be read as a GGUF file: {one_line(error)}") from error
    architecture = found.get("general.architecture")
    if architecture is None:
        raise ReferenceError_(f"{file} does not begin with its architecture, as GGUF files do")
    return GgufHeader(architecture, found.get("general.license"))


def require_whole(file: Path) -> None:
    """Make sure that no tensor lies beyond the file's end; some engines run half a file.

    Raises:
        ReferenceError_: One does, or the file cannot be read.
    """
    try:
        with file.open("rb") as stream:
            _, tensors, keys = struct.unpack("<IQQ", _exactly(stream, 24)[4:])
            _require(0 < tensors <= _MOST and keys <= _MOST)
            lengths = []
            for _ in range(keys):
                key = _string(stream)
                value = _value(stream, *struct.unpack("<I", _exactly(stream, 4)))
                if key.endswith(_LENGTHS) and isinstance(value, int):
                    lengths.append(value)
            end = longest = 0
            for _ in range(tensors):
                _string(stream)
                (rank,) = struct.unpack("<I", _exactly(stream, 4))
                _require(rank <= _MAX_RANK)
                content = _exactly(stream, 8 * rank + 12)
                *shape, kind, offset = struct.unpack(f"<{rank}QIQ", content)
                longest = max(longest, tensors, *shape)
                per_block, block_bytes = _BLOCKS.get(kind, (1, 0))
                end = max(end, offset + math.prod(shape) // per_block * block_bytes)
            # Whoever builds the model that it describes would fill the memory.
            _require(max(lengths, default=0) <= longest)
            if stream.tell() + end > file.stat().st_size:
                raise EOFError("it ends too soon")
    except (OSError, EOFError, ValueError, struct.error) as error:
        raise ReferenceError_(
            f"{file} is incomplete ({one_line(error)}): download it again"
        ) from error


# Tensor kinds of the GGUF specification: elements and bytes of a block. Of a kind that is not
# listed, only the beginning is looked for.
_BLOCKS = {
    0: (1, 4),  # F32
    1: (1, 2),  # F16
    2: (32, 18),  # Q4_0
    3: (32, 20),  # Q4_1
    6: (32, 22),  # Q5_0
    7: (32, 24),  # Q5_1
    8: (32, 34),  # Q8_0
    10: (256, 84),  # Q2_K
    11: (256, 110),  # Q3_K
    12: (256, 144),  # Q4_K
    13: (256, 176),  # Q5_K
    14: (256, 210),  # Q6_K
    30: (1, 2),  # BF16
}

# Value kinds of the GGUF specification: sizes in bytes of the plain ones, then the two others.
_PLAIN = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_WHOLE = (0, 2, 4, 10)  # those without a sign
_STRING, _ARRAY = 8, 9
_MAX_STRING = 1_000_000
_MOST = 1_000_000  # keys, and tensors
_LENGTHS = (".block_count", ".embedding_length", ".feed_forward_length", ".head_count")
_MAX_RANK = 4  # what the readers of the format allow


def _require(right: bool) -> None:
    if not right:
        raise ValueError("it is damaged")


def _exactly(stream: BinaryIO, length: int) -> bytes:
    content = stream.read(length)
    if len(content) < length:
        raise EOFError("it ends too soon")
    return content


def _string(stream: BinaryIO) -> str:
    (length,) = struct.unpack("<Q", _exactly(stream, 8))
    if length > _MAX_STRING:
        raise ValueError("it is damaged")
    return _exactly(stream, length).decode()


def _value(stream: BinaryIO, kind: int) -> str | int | None:
    """Read one value; None for what is neither a string nor a whole number."""
    if kind == _STRING:
        return _string(stream)
    if kind == _ARRAY:
        inner, length = struct.unpack("<IQ", _exactly(stream, 12))
        _require(inner == _STRING or inner in _PLAIN)
        left = os.fstat(stream.fileno()).st_size - stream.tell()
        _require(length * _PLAIN.get(inner, 8) <= left)
        if inner == _STRING:
            _require(length <= 10 * _MOST)
            for _ in range(length):
                _string(stream)
        else:
            stream.seek(length * _PLAIN[inner], os.SEEK_CUR)
        return None
    _require(kind in _PLAIN)
    content = _exactly(stream, _PLAIN[kind])
    return int.from_bytes(content, "little") if kind in _WHOLE else None


def one_line(error: Exception) -> str:
    """The first line of what a library said."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__

"""Bases with fewer tokens: made once of another base, kept in the cache, named ``trimmed:NAME``.

A trimmed base has the rows of its base's embeddings and output layer that belong to the kept
tokens, unchanged, and everything else as it is. Text that the kept tokens cover has the same
tokens and hidden states. The probabilities of the next token are those of the base renormalised
over the kept tokens: a choice's log-probability rises by what the base gave to the others.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teachback.errors import ConfigError, ReferenceError_
from teachback.files import made_whole, read_json, sha256_of, write_json, write_text
from teachback.modelfiles.wheels import cache_folder
from teachback.references import TrimmedReference, parse_student
from teachback.students.kept_tokens import BytePairs
from teachback.system.progress import Notice
from teachback.versioned import Versioned

TRIMMED_BASE = "trimmed_base.json"
"""What a trimmed base was made of; in its own folder, and in that of a student trained from it."""

_OF_TOKENS = re.compile(r"(^|\.)(embed_tokens|embed_in|wte|lm_head|embed_out)\.(weight|bias)$")
"""Names of embeddings and output layers."""

_TOKENIZER, _SETTINGS = "tokenizer.json", "tokenizer_config.json"
_ADDED = "added_tokens_decoder"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrimmedBase:
    """What a trimmed base is made of: the hash of the whole base's files and the tokens kept."""

    base: str
    """The reference of the whole base."""
    base_sha256: str
    licence: str | None
    whole: int
    """How many tokens the whole base has."""
    kept: tuple[int, ...]
    """Their ids in the whole base, ascending; the new ids are their places here."""

    @property
    def name(self) -> str:
        """Its name in references: that of the whole base, the number of tokens, and a hash."""
        digest = hashlib.sha256(f"{self.base_sha256}\n{self.kept}".encode()).hexdigest()
        plain = re.sub(r"[^\w.-]+", "-", re.split(r"[/:\\]", self.base.rstrip("/\\"))[-1])
        return f"{plain.strip('.-') or 'base'}-{len(self.kept)}-{digest[:12]}"

    @property
    def reference(self) -> str:
        return str(TrimmedReference(self.name))

    def line(self) -> str:
        """For people."""
        return (
            f"base: {self.reference}, which keeps {len(self.kept):,} of the {self.whole:,} tokens "
            f"of {self.base}"
        )


TRIMMED_BASE_FILE = Versioned(TrimmedBase, ())


def trimmed_folder(name: str) -> Path:
    """Where the trimmed base of this name lies in the cache, or would lie."""
    return cache_folder() / "trimmed" / name


def sha256_of_base(folder: Path) -> str:
    """The hash of what a base computes: its configuration, its tokenizer and its weights."""
    digest = hashlib.sha256()
    names = ["config.json", _TOKENIZER, *(file.name for file in folder.glob("*.safetensors"))]
    for name in sorted(names):
        digest.update(f"{name}\0{sha256_of(folder / name)}\n".encode())
    return digest.hexdigest()


def byte_pairs(folder: Path, reference: str) -> BytePairs:
    """The vocabulary of the base in ``folder``. Raises ConfigError where it cannot be trimmed."""
    if not (folder / _TOKENIZER).is_file():
        raise ConfigError(
            f"student.trim_vocabulary: {reference} has no {_TOKENIZER}, from which a vocabulary is "
            "trimmed: leave the key out"
        )
    config = read_json(folder / "config.json")
    if config.get("is_encoder_decoder") or not isinstance(config.get("vocab_size"), int):
        raise ConfigError(
            f"student.trim_vocabulary: {reference} is not a text-only causal model, and other "
            "vocabularies cannot be trimmed: leave the key out"
        )
    return BytePairs(read_json(folder / _TOKENIZER), reference)


def named_tokens(folder: Path, pairs: BytePairs) -> set[int]:
    """The tokens that the configurations in ``folder`` name (beginning, end, padding and other
    special ones), and those that the tokenizer itself puts into texts. Numbers that are no token's
    (−1 for none, say) name nothing."""
    named = set(pairs.always)
    for file in ("config.json", "generation_config.json"):
        if (folder / file).is_file():
            for key, value in read_json(folder / file).items():
                if key.endswith("_token_id") and value is not None:
                    own = value if isinstance(value, list) else [value]
                    named.update(id_ for id_ in own if id_ in pairs.texts)
    if (folder / _SETTINGS).is_file():
        texts = set(_texts_in(read_json(folder / _SETTINGS)))
        named |= {id_ for id_ in pairs.added if pairs.texts[id_] in texts}
    return named


def _texts_in(value: object) -> Iterator[str]:
    """All texts in a value of JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        # Of older files: the description of every added token, special or not.
        inner = (own for key, own in value.items() if key != _ADDED)
        yield from (text for own in inner for text in _texts_in(own))
    elif isinstance(value, list):
        yield from (text for own in value for text in _texts_in(own))


def made(trimmed: TrimmedBase, whole: Path, notice: Notice | None = None) -> Path:
    """The folder of ``trimmed`` in the cache, made of the base in ``whole`` where it is not there.

    Made under another name and renamed when whole, so a folder that is there is complete.

    Raises:
        ConfigError: the base's vocabulary cannot be trimmed.
        RunFolderError: the cache cannot be written (disk full, …).
    """
    goal = trimmed_folder(trimmed.name)
    if goal.is_dir():
        return goal
    if notice is not None:
        notice(f"making {trimmed.reference} (once; takes some seconds)")
    with made_whole(goal) as staging:
        _write(trimmed, whole, staging)
    return goal


def made_from(trimmed: TrimmedBase, whole: Path) -> Path:
    """As `made`; raises ReferenceError_ where ``whole`` is not what ``trimmed`` was made of."""
    goal = trimmed_folder(trimmed.name)
    if not goal.is_dir() and sha256_of_base(whole) != trimmed.base_sha256:
        raise ReferenceError_(
            f"{trimmed.reference} cannot be made again: {trimmed.base} is not the base that it was "
            "made of (its files have changed)"
        )
    return made(trimmed, whole)


def keep_description(reference: str, folder: Path) -> None:
    """Write what the base ``reference`` was made of into the ``folder`` of a student trained from
    it, so that it can be made again where the cache does not have it; of a base that is not
    trimmed, nothing."""
    named = parse_student(reference)
    if isinstance(named, TrimmedReference):
        file = trimmed_folder(named.name) / TRIMMED_BASE
        TRIMMED_BASE_FILE.write(folder / TRIMMED_BASE, TRIMMED_BASE_FILE.read(file))


# ------------------------------------------------------------------ files


def _write(trimmed: TrimmedBase, whole: Path, goal: Path) -> None:
    """Write the trimmed base; the tokenizer's other files say nothing that depends on ids."""
    pairs = byte_pairs(whole, trimmed.base)
    write_text(goal / _TOKENIZER, json.dumps(pairs.trimmed(trimmed.kept), ensure_ascii=False))
    settings = read_json(whole / _SETTINGS) if (whole / _SETTINGS).is_file() else {}
    settings.pop(_ADDED, None)  # tokenizer.json says it, with the new ids
    write_json(goal / _SETTINGS, settings)
    new = {old: number for number, old in enumerate(trimmed.kept)}
    config = read_json(whole / "config.json")
    rows = int(config["vocab_size"])
    write_json(goal / "config.json", _renumbered(config, new) | {"vocab_size": len(trimmed.kept)})
    _write_weights(trimmed, whole, goal, rows)
    TRIMMED_BASE_FILE.write(goal / TRIMMED_BASE, trimmed)


def _renumbered(config: Mapping[str, Any], new: Mapping[int, int]) -> dict[str, Any]:
    """A configuration with the new ids of the tokens that it names; what names none is unset."""

    def value_of(key: str, value: Any) -> Any:
        if not key.endswith("_token_id") or value is None:
            return value
        if isinstance(value, list):
            return [new[id_] for id_ in value if id_ in new]
        return new.get(value)

    return {key: value_of(key, value) for key, value in config.items()}


def _write_weights(trimmed: TrimmedBase, whole: Path, goal: Path, rows: int) -> None:
    """All tensors in one file, those with a row for each of ``rows`` tokens with fewer rows.

    Raises ConfigError where a tensor depends on the vocabulary and is neither the embeddings nor
    the output layer.
    """
    import torch
    from safetensors import safe_open
    from safetensors.torch import save_file

    index = torch.tensor(trimmed.kept)
    tensors: dict[str, Any] = {}
    for file in sorted(whole.glob("*.safetensors")):
        with safe_open(file, framework="pt") as stored:
            for name in stored.keys():  # noqa: SIM118 - no mapping
                tensor = stored.get_tensor(name)
                if tensor.shape[:1] == (rows,) and _OF_TOKENS.search(name):
                    tensor = tensor[index]
                elif rows in tensor.shape:
                    raise ConfigError(
                        f"student.trim_vocabulary: the weight {name} of {trimmed.base} also "
                        "depends on the vocabulary, and how is not known: leave the key out"
                    )
                tensors[name] = tensor.contiguous()
    save_file(tensors, goal / "model.safetensors", metadata={"format": "pt"})

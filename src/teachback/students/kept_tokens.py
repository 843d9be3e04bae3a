"""Which tokens a smaller vocabulary keeps, so that text is made into tokens as before.

Byte-pair encoding (Sennrich et al. 2016) joins the characters of a text, pair by pair, in the
order of its merges. What it does within one final token depends on that token alone: no merge
crosses the token's ends. So a set of tokens that holds, with each token, all that the merges
make on the way to it is enough to write every text whose tokens are in the set exactly as the
whole vocabulary writes it. Other text falls back to shorter pieces and, in the end, to characters
or bytes, which are all kept. Pure: a tokenizer's description in, token ids out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from teachback.errors import ConfigError

_BYTE = re.compile(r"<0x[0-9A-F]{2}>")


@dataclass(frozen=True)
class BytePairs:
    """The byte-pair vocabulary of a tokenizer; ``description`` is what its ``tokenizer.json``
    holds, and ``source`` names it in errors.

    Raises ConfigError, when made, where the tokenizer is not of this kind.
    """

    description: Mapping[str, Any]
    source: str

    def __post_init__(self) -> None:
        kind = self._model.get("type")
        if kind != "BPE":
            raise ConfigError(
                f"student.trim_vocabulary: the tokenizer of {self.source} is of type {kind}, and "
                "only byte-pair vocabularies (BPE) can be trimmed without changing what covered "
                "text becomes: leave the key out"
            )
        for key in ("dropout", "continuing_subword_prefix", "end_of_word_suffix"):
            if self._model.get(key):
                raise ConfigError(
                    f"student.trim_vocabulary: the tokenizer of {self.source} sets {key}, with "
                    "which no vocabulary can be trimmed: leave the key out"
                )

    @property
    def _model(self) -> Mapping[str, Any]:
        model: Mapping[str, Any] = self.description["model"]
        return model

    @cached_property
    def ids(self) -> dict[str, int]:
        """Token → id, the added ones included."""
        added = {one["content"]: int(one["id"]) for one in self.description["added_tokens"]}
        return {**self._model["vocab"], **added}

    @cached_property
    def added(self) -> frozenset[int]:
        """Tokens that are looked for in the text before it is split."""
        return frozenset(int(one["id"]) for one in self.description["added_tokens"])

    @cached_property
    def texts(self) -> dict[int, str]:
        """Id → token."""
        return {id_: text for text, id_ in self.ids.items()}

    @cached_property
    def merges(self) -> list[tuple[str, str]]:
        """In their order."""
        return [pair_of(merge) for merge in self._model["merges"]]

    @cached_property
    def _joined(self) -> dict[tuple[int, int], tuple[int, int]]:
        """Pair of tokens → (rank, the token that it becomes); of equal pairs the last counts."""
        ids = self._model["vocab"]
        return {
            (ids[left], ids[right]): (rank, ids[left + right])
            for rank, (left, right) in enumerate(self.merges)
        }

    @cached_property
    def _made(self) -> dict[int, frozenset[int]]:
        return {}

    def made_for(self, token: int) -> frozenset[int]:
        """The tokens that the merges make on the way to ``token``, characters and itself included;
        itself alone where they do not lead to it (an added token, a byte, a whole word)."""
        found = self._made.get(token)
        if found is None:
            found = self._made[token] = self._derived(token)
        return found

    def is_reachable(self, token: int) -> bool:
        """Whether the merges lead to ``token``, or it is a character."""
        return len(self.texts[token]) == 1 or len(self.made_for(token)) > 1

    def _derived(self, token: int) -> frozenset[int]:
        alone = frozenset((token,))
        if token in self.added:
            return alone
        vocabulary = self._model["vocab"]
        parts = [vocabulary.get(character, -1) for character in self.texts[token]]
        made = set(parts)
        while len(parts) > 1:
            pairs = enumerate(pairwise(parts))
            ranked = [(*self._joined[pair], place) for place, pair in pairs if pair in self._joined]
            if not ranked:
                return alone
            _, joined, place = min(ranked, key=lambda one: (one[0], one[2]))
            parts[place : place + 2] = [joined]
            made.add(joined)
        return frozenset(made) if parts == [token] else alone

    @cached_property
    def fallback(self) -> frozenset[int]:
        """What text that is not covered falls back to: bytes, where the tokenizer falls back to
        them, and ASCII; all characters where it does not, so that none becomes unknown."""
        vocabulary: Mapping[str, int] = self._model["vocab"]
        to_bytes = bool(self._model.get("byte_fallback"))
        return frozenset(
            id_
            for text, id_ in vocabulary.items()
            if (len(text) == 1 and (text.isascii() or not to_bytes))
            or (to_bytes and _BYTE.fullmatch(text))
        )

    def closed(self, tokens: Iterable[int]) -> set[int]:
        """``tokens``, what the merges make on the way to them, and the fallback."""
        return set(self.fallback).union(*map(self.made_for, tokens))

    def kept(self, needed: Collection[int], size: int) -> tuple[int, ...]:
        """At most ``size`` tokens, ascending: ``needed`` with what is made on the way to them, the
        fallback, and then the tokenizer's others in its own order, first those written with
        characters that ``needed`` have. Added tokens are kept where they are needed.

        Raises ConfigError where ``size`` is too small or does not make the vocabulary smaller.
        """
        if size >= len(self.ids):
            raise ConfigError(
                f"student.trim_vocabulary = {size}: {self.source} has {len(self.ids)} tokens, so "
                "nothing would be trimmed: give a smaller number, or leave the key out"
            )
        found = self.closed(needed)
        if len(found) > size:
            raise ConfigError(
                f"student.trim_vocabulary = {size}: the training data needs {len(found)} of the "
                f"{len(self.ids)} tokens of {self.source}: give at least that"
            )
        own = (self.texts[id_] for id_ in needed if id_ not in self.added)
        letters = set(map(chr, range(128))).union(*own)
        others = [id_ for id_ in sorted(self.texts) if id_ not in self.added]
        familiar = [id_ for id_ in others if letters.issuperset(self.texts[id_])]
        for id_ in (*familiar, *others):
            if len(found) == size:
                break
            if id_ not in found and self.is_reachable(id_):
                more = self.made_for(id_) - found
                if len(found) + len(more) <= size:
                    found |= more
        return tuple(sorted(found))

    def trimmed(self, kept: tuple[int, ...]) -> dict[str, Any]:
        """The description of the tokenizer whose tokens are ``kept`` alone, numbered from 0 in
        their order."""
        new = {old: number for number, old in enumerate(kept)}
        texts = {self.texts[id_] for id_ in kept}
        model = {
            **self._model,
            "vocab": {t: new[id_] for t, id_ in self._model["vocab"].items() if id_ in new},
            "merges": [
                merge
                for merge, (left, right) in zip(self._model["merges"], self.merges, strict=True)
                if {left, right, left + right} <= texts
            ],
        }
        added = [
            {**one, "id": new[one["id"]]}
            for one in self.description["added_tokens"]
            if one["id"] in new
        ]
        return {
            **self.description,
            "model": model,
            "added_tokens": added,
            "post_processor": _renumbered(self.description.get("post_processor"), new, self.ids),
        }

    @cached_property
    def always(self) -> frozenset[int]:
        """Tokens that the tokenizer itself puts into texts."""
        named: list[str] = _inserted(self.description.get("post_processor"))
        unknown = self._model.get("unk_token")
        return frozenset(self.ids[name] for name in (*named, unknown) if name in self.ids)


def pair_of(merge: Any) -> tuple[str, str]:
    """A merge as two tokens; older files have it as one text with a space."""
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _inserted(part: Any) -> list[str]:
    """The tokens that a post-processor, or a sequence of them, inserts."""
    if not isinstance(part, Mapping):
        return []
    found = [inner for one in part.get("processors", ()) for inner in _inserted(one)]
    for one in part.get("special_tokens", {}).values() if "special_tokens" in part else ():
        found += one["tokens"]
    return found + [part[key][0] for key in ("cls", "sep") if key in part]


def _renumbered(part: Any, new: Mapping[int, int], ids: Mapping[str, int]) -> Any:
    """A post-processor with the new ids of the tokens that it inserts."""
    if not isinstance(part, Mapping):
        return part
    changed = dict(part)
    if "processors" in part:
        changed["processors"] = [_renumbered(one, new, ids) for one in part["processors"]]
    if "special_tokens" in part:
        changed["special_tokens"] = {
            name: {**one, "ids": [new[id_] for id_ in one["ids"]]}
            for name, one in part["special_tokens"].items()
        }
    for key in ("cls", "sep"):
        if key in part:
            changed[key] = [part[key][0], new[ids[part[key][0]]]]
    return changed

"""A tokenizer that is read from its file alone, with neither transformers nor torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from teachback.errors import ReferenceError_


class FileTokenizer:
    """What `teachback.students.encoding` needs of transformers' tokenizers, by the names there.

    Raises ReferenceError_ where ``file`` is no such file.
    """

    def __init__(self, file: Path, end_id: int, pad_id: int | None) -> None:
        try:
            self._tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # of the library's own making
            reason = str(error).split("\n", 1)[0][:200]
            raise ReferenceError_(f"{file}: not a tokenizer ({reason})") from error
        self.eos_token_id = end_id
        self.pad_token_id = pad_id

    def __call__(self, text: str, *, add_special_tokens: bool = True) -> dict[str, list[int]]:
        return {
            "input_ids": self._tokenizer.encode(text, add_special_tokens=add_special_tokens).ids
        }

    @property
    def all_special_ids(self) -> list[int]:
        added = self._tokenizer.get_added_tokens_decoder()
        return [token for token, one in added.items() if one.special]

    def __len__(self) -> int:
        return int(self._tokenizer.get_vocab_size(with_added_tokens=True))

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = False) -> str:
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=skip_special_tokens))

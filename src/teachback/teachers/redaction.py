"""Keeping keys and passwords out of what is stored and printed.

A server knows the key that it was sent, and may repeat it: plainly, in the escapes of JSON or of
percent-encoding, in base64. Whatever comes from a server goes through a `Redaction` twice: as it
arrives, before anything of it is cut, and once more as it leaves the teacher.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator

PLACE = "[key]"
"""What stands in a secret's place."""

_SHORTEST = 8
"""A shorter text is rather a placeholder, for servers that want no key, than a secret."""

_ESCAPED = ("\\u", "\\U", "\\/", "%")
"""Without one of these a text holds no escapes of the characters that secrets are made of."""


class Redaction:
    """A function from a text to the text without ``secrets``, however they are written: each
    character plain, as an escape of JSON (``\\/``, ``\\u002F``; escaped again, up to three times)
    or of percent-encoding (``%2f``, ``%252f``), and the whole also in base64, alone or amid other
    text. Secrets of fewer than 8 characters are left."""

    def __init__(self, secrets: Iterable[str]) -> None:
        found = {each for secret in secrets if len(secret) >= _SHORTEST for each in _forms(secret)}
        # The longest first: a secret may begin as another one does.
        forms = sorted((each for each in found if len(each) >= _SHORTEST), key=len, reverse=True)
        self._plain = [spelling for each in forms for spelling in (each, json.dumps(each)[1:-1])]
        self._escaped = re.compile("|".join("".join(map(_spellings, each)) for each in forms))

    def __call__(self, text: str) -> str:
        for each in self._plain:
            if each in text:
                text = text.replace(each, PLACE)
        if self._plain and any(mark in text for mark in _ESCAPED):
            text = self._escaped.sub(PLACE, text)
        return text


def _forms(secret: str) -> Iterator[str]:
    """The secret, and what base64 makes of it at each place that it can have among other bytes:
    what its neighbours change is left out."""
    yield secret
    raw = secret.encode("utf-8", "surrogatepass")
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(bytes(before) + raw).decode().rstrip("=")
            end = len(text) - (1 if (before + len(raw)) % 3 else 0)
            yield text[(0, 2, 3)[before] : end]


def _spellings(character: str) -> str:
    """A pattern of the ways to write one character. The repetitions have bounds, so that no text
    takes longer than in proportion to its length."""
    units = character.encode("utf-16-be", "surrogatepass").hex()
    escapes = [units[at : at + 4] for at in range(0, len(units), 4)]
    raw = character.encode("utf-8", "surrogatepass").hex()
    octets = [raw[at : at + 2] for at in range(0, len(raw), 2)]
    ways = [
        (r"\\{0,8}" if character in '"\\/' else "") + re.escape(character),
        "(?i:" + "".join(rf"\\{{1,8}}u{unit}" for unit in escapes) + ")",
        "(?i:" + "".join(f"%(?:25){{0,3}}{octet}" for octet in octets) + ")",
    ]
    return f"(?:{'|'.join(ways)})"

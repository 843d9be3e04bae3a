"""What a message may show of a reference: no password, no key, and not endless."""

from __future__ import annotations

import re

from teachback.references.forms import SCHEMES

_SECRET = re.compile(
    r"key|token|secret|pass|pwd|sig|auth|cred|code|jwt|bearer|session", re.IGNORECASE
)
_SHOWN = 200  # characters; a reference that is longer is cut in messages


def is_secret_name(name: str) -> bool:
    """Whether a setting or a query's parameter of this name may hold a password or key."""
    return _SECRET.search(name) is not None


def shown(text: str) -> str:
    """Any text that should be a reference, for display: cut where a password or key may begin."""
    if not re.search(r"@|\?|://", text):
        return cut(text)
    # "openai:m:secret@host", "m:secret@host" and "http://m:secret@host" end before the secret.
    scheme, _, rest = text.partition(":")
    named = f"{scheme}:{rest}" if scheme in SCHEMES and not rest.startswith("//") else scheme
    kept = re.match(r"[^:@?]*(?::[^:@?]*)?", named)
    return f"{cut(kept.group() if kept else '')}…"


def cut(text: str) -> str:
    """At most so much of it, and nothing that a terminal obeys."""
    short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in short)

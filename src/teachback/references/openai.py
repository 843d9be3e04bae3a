"""``openai:MODEL[@URL]``: where the model's name ends, and what is an address."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit, urlunsplit

from teachback.errors import ReferenceError_
from teachback.references.display import cut, is_secret_name, shown
from teachback.references.forms import OPENAI_FORM
from teachback.references.records import OpenAIReference

_ADDRESS_BEGINS = re.compile(r"@(?=https?://)", re.IGNORECASE)
_SERVER = r"(?:localhost|\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\])(?::\d+)?|[\w.-]+:\d{2,5}"
_LOOKS_LIKE_SERVER = re.compile(rf"(?:{_SERVER})(?:/[\w./-]*)?", re.IGNORECASE)
_SERVER_AND_PATH = re.compile(
    r"(?:localhost|\d{1,3}(?:\.\d{1,3}){3}|\[[^\]/]*\])(?:[:/]|$)|[^/]*:\d+/", re.IGNORECASE
)


def parse_openai(text: str, rest: str) -> OpenAIReference:
    """``MODEL[@URL]``, by the rule in the description of the package."""
    begins = _ADDRESS_BEGINS.search(rest)
    model, address = (rest[: begins.start()], rest[begins.end() :]) if begins else (rest, None)
    if address is None and "@" in model:
        raise ReferenceError_(_no_address(text, model))
    if not model.strip() or "://" in model:
        raise ReferenceError_(
            f"{shown(text)}: the model's name is missing before the address: write {OPENAI_FORM}"
        )
    if model != model.strip() or any(not character.isprintable() for character in model):
        raise ReferenceError_(
            f"teacher {shown(text)!r}: the model's name begins or ends with a space, or holds a "
            "control character"
        )
    if address is None:
        if _SERVER_AND_PATH.match(model):
            raise ReferenceError_(
                f"{shown(text)} has no model's name, and looks like an address: write {OPENAI_FORM}"
            )
        return OpenAIReference(model)
    return OpenAIReference(model, _address(model, address))


def _no_address(text: str, model: str) -> str:
    """What stands after an ``@`` is not an address; it may hold a key, so it is shown only
    where it is plainly a server's name."""
    name, _, server = model.partition("@")
    hint = ""
    if name and _LOOKS_LIKE_SERVER.fullmatch(server):
        hint = f"; did you mean openai:{name}@http://{server}?"
    return (
        f"{shown(text)}: what follows the @ must be an address that begins with http:// or "
        f"https://{hint or f', as in {OPENAI_FORM}'}"
    )


def _address(model: str, address: str) -> str:
    """The checked address, its scheme and host in lower case. Raises ReferenceError_."""
    where = f"openai:{cut(model)}"
    try:
        if any(character <= " " or character in "\\\x7f" for character in address):
            raise ValueError("it holds a space, a backslash or a control character")
        url = urlsplit(address)
        _ = url.port  # raises where it is no port
    except ValueError as error:
        # Python's own words may repeat a part of the address.
        reason = str(error) if "holds a" in str(error) else "its host or port cannot be read"
        raise ReferenceError_(f"{where}: what follows the @ is not an address ({reason})") from None
    parameters = [unquote(part.partition("=")[0]) for part in re.split("[&;]", url.query)]
    if "@" in url.netloc or any(map(is_secret_name, parameters)):
        raise ReferenceError_(
            f"{where}: its address holds a password or key, and addresses are written to "
            "files: take it out and set OPENAI_API_KEY or OPENAI_API_KEY_FILE"
        )
    if not url.hostname:
        raise ReferenceError_(f"{where}: what follows the @ is not an address like {_EXAMPLE}")
    if "://" in url.path or "@http" in url.path.lower() or url.fragment:
        raise ReferenceError_(
            f"{where}: its address must be a single one, without #: write {OPENAI_FORM}"
        )
    return urlunsplit(url._replace(scheme=url.scheme.lower(), netloc=url.netloc.lower()))


_EXAMPLE = "http://localhost:8000/v1"

"""The bytes of a response → the JSON value in them. Pure.

JSON is UTF-8, but some servers begin it with a byte order mark, write it in the character set
that they declare, put white space before it to keep a connection alive, or send a reply as a
stream of events although none was asked for.
"""

from __future__ import annotations

import codecs
import json
import re
from email.message import Message
from typing import Any

_ENCODINGS_WITH_MARK = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_NO_CHARSETS = frozenset(("idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"))
"""Python's codecs that no server writes in; some of them take a minute for a megabyte."""


_LINE_END = re.compile(r"\r\n|\r|\n")
"""Of an event stream; JSON may hold the other characters that end a line elsewhere."""


class NotJson(Exception):
    """A body is neither JSON nor a whole stream of events; says which."""


def text_of(body: bytes, content_type: str) -> str:
    """The text of a body: in UTF-8, or as its mark says, else in the declared character set.

    What cannot be read in any of them is replaced, so that an error can be shown.
    """
    for mark, encoding in _ENCODINGS_WITH_MARK:
        if body.startswith(mark):
            return body.decode(encoding, "replace")
    header = Message()
    header["Content-Type"] = content_type
    for encoding in ("utf-8", header.get_content_charset("utf-8")):
        try:
            if codecs.lookup(encoding).name not in _NO_CHARSETS:
                return body.decode(encoding)
        except (ValueError, LookupError):  # also of a name that holds what no name does
            continue
    return body.decode("utf-8", "replace")


def data_of(body: str) -> object:
    """The JSON value of a body; of a stream of chunks, the reply that they make up.

    Raises:
        NotJson: It is neither, or the stream broke off.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        pass
    if body.lstrip().startswith(("data:", "event:", "id:", "retry:", ":")):
        return _reply_of(body)
    raise NotJson("the body is not JSON")


def _reply_of(stream: str) -> dict[str, Any]:
    """The reply of a stream of events. It must end in ``[DONE]`` or a ``finish_reason``."""
    message: dict[str, str] = {}
    choice: dict[str, Any] = {}
    reply: dict[str, Any] = {}
    done = False
    for line in _LINE_END.split(stream):
        if not line.startswith("data:"):
            continue
        if (data := line.removeprefix("data:").strip()) == "[DONE]":
            done = True
            break
        try:
            chunk = json.loads(data)
        except (ValueError, RecursionError):
            raise NotJson("a part of the event stream is not JSON") from None
        if not isinstance(chunk, dict):
            continue
        reply |= {key: chunk[key] for key in ("error", "usage") if chunk.get(key)}
        part = next(iter(_list(chunk.get("choices"))), None)
        if not isinstance(part, dict) or part.get("index") not in (None, 0):
            continue
        names = ("finish_reason", "native_finish_reason", "error")
        choice |= {key: part[key] for key in names if part.get(key)}
        delta = part.get("delta") or part.get("message") or {"text": part.get("text")}
        for key, value in delta.items() if isinstance(delta, dict) else ():
            if isinstance(value, str):
                message[key] = message.get(key, "") + value
    if not (done or choice.get("finish_reason") or reply.get("error")):
        raise NotJson("the event stream broke off")
    text = message.get("text", message.get("content", ""))
    return {**reply, "choices": [{**choice, "text": text, "message": message}]}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []

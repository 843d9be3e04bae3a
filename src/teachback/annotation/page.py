"""The page: in parts, for the server, or as one self-contained file.

Its script, style and frame stand beside this module. A file carries its annotator's screens as
JSON in the page; its policy allows its own script and style, by their hashes, and nothing else:
the file can fetch nothing and send nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from importlib import resources

from teachback.annotation.plan import Plan
from teachback.annotation.screens import INTRODUCTION, shown_screen

SCRIPT = "page.js"
STYLE = "page.css"

SERVED_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def part(name: str) -> str:
    """One of the page's files, as text."""
    return resources.files("teachback.annotation").joinpath(name).read_text("utf-8")


def served_page() -> str:
    """The page whose script and style come from the same server."""
    return _filled(
        f'<link rel="stylesheet" href="{STYLE}">', f'<script src="{SCRIPT}" defer></script>'
    )


def page_file(plan: Plan, annotator: str) -> str:
    """The page as one file, for one annotator."""
    screens = [shown_screen(plan, screen) for screen in plan.of_annotator(annotator)]
    given = {
        "identity": plan.identity,
        "annotator": annotator,
        "download": f"answers-{file_part(annotator)}.jsonl",
        "introduction": INTRODUCTION[plan.settings.mode],
        "screens": screens,
    }
    script, style = part(SCRIPT), part(STYLE)
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return _filled(
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<style>{style}</style>',
        f'<script type="application/json" id="annotation">{_embedded(given)}</script>\n'
        f"<script>{script}</script>",
    )


def file_part(annotator: str) -> str:
    """An annotator's name as a part of a file's name."""
    return re.sub(r"[^\w-]+", "_", annotator)


def _filled(head: str, scripts: str) -> str:
    before, _, rest = part("page.html").partition("{head}")
    between, _, after = rest.partition("{scripts}")
    return f"{before}{head}{between}{scripts}{after}"


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _embedded(value: object) -> str:
    """JSON that cannot end the element that it stands in."""
    text = json.dumps(value, allow_nan=False)  # ASCII: U+2028 and halves of pairs are escaped
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")

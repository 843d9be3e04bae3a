"""Nothing that a model, a file or a user wrote becomes markup, style, script or a link."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from markupsafe import Markup

from report_pages import Page
from study_folder import MadeUp, write_study
from teachback.errors import DataError
from teachback.records import Prediction
from teachback.reports import report
from teachback.reports.markdown import escaped
from teachback.reports.markup import el
from teachback.reports.style import STYLE
from teachback.reports.text import LONGEST, visible
from teachback.studies.schema import MATERIAL_FILE, VERDICTS_FILE, CellSpec, Status

HOSTILE = {
    "script": "</p></blockquote><script>alert(1)</script>",
    "attribute": '" onmouseover="alert(1)" style=\'color:red\' x=`y',
    "image": "<img src=https://example.org/x.png onerror=alert(1)>",
    "link": "[click](javascript:alert(1)) <a href='javascript:alert(1)'>x</a> http://example.org",
    "svg": "</text></svg><svg onload=alert(1)><use href='data:x'/></svg><style>*{top:0}</style>",
    "comment": "<!-- --><![CDATA[ ]]> &lt;b&gt; &#60;script&#62; --!>",
    "markdown": "# head\n- list\n| a | b |\n```\n*em* _em_ **bold** ~~del~~ <b>b</b> $x$ @you #1",
    "unseen": "nul\x00 bell\x07 escape\x1b[31m half\ud800 none\ufffe bom\ufeff wj\u2060 ls\u2028.",
    "reversed": "safe \u202egpj.exe\u202c \u2066hidden\u2069 end",
    "long": "W" * 3000,
}


def explaining(text: str) -> Callable[[Prediction], Prediction]:
    def edit(p: Prediction) -> Prediction:
        if p.explanation is None:
            return p
        wrong = p if p.correct else replace(p, answer=text)
        return replace(wrong, explanation=text)

    return edit


@pytest.fixture(scope="module", params=HOSTILE)
def hostile(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study in which explanations, answers, ids, names, labels, errors, settings are hostile."""
    text = HOSTILE[request.param]
    folder = tmp_path_factory.mktemp("hostile") / "study"

    def named(cell: CellSpec) -> CellSpec:
        return replace(cell, teacher=cell.teacher and text, student=cell.student and text)

    ends: dict[tuple[str, int | None], tuple[Status | None, str | None]]
    ends = {("ST", 1): ("failed", text)}
    # A dataset's name comes from a TOML file, which holds no half of a surrogate pair.
    name = text.encode("utf-8", "replace").decode()
    made_up = MadeUp(datasets=(name,), ends=ends, edit=explaining(text), cell_edit=named)
    write_study(folder, made_up)
    verdicts = VERDICTS_FILE.read(folder / "verdicts.json")
    first, *rest = verdicts.confirmatory
    first = replace(first, verdict=text, student=text, caveats=(text,))
    found = {text: next(iter(verdicts.detectable.values()))}
    changed = replace(
        verdicts,
        confirmatory=(first, *rest),
        exploratory=(replace(first, a=text, finding="hint"),),
        detectable=found,
        test_in_train={text: 2},
    )
    VERDICTS_FILE.write(folder / "verdicts.json", changed)
    for path in folder.glob("material/*/selection.json"):
        record = replace(
            MATERIAL_FILE.read(path),
            teacher=text,
            rejected={text: 3},
            yield_per_label={text: (1, 2)},
        )
        MATERIAL_FILE.write(path, record)
    (folder / "study.toml").write_text(
        f"[study]\nname = {json.dumps(visible(text))}\n", "utf-8", "backslashreplace"
    )
    return folder


@pytest.fixture(scope="module")
def reported(hostile: Path) -> Mapping[str, str]:
    """Its report in each form, made once for all that is looked at in it."""
    return {
        "html": report(hostile),
        "md": report(hostile, "md"),
        "csv": report(hostile, "csv"),
    }


def test_html_has_only_the_elements_and_attributes_that_the_writer_made(
    reported: Mapping[str, str],
) -> None:
    page = Page(reported["html"])
    assert page.open == []  # every tag closed, none opened by what was written
    allowed = (
        "html head meta title style body header main nav section details summary article figure "
        "figcaption div span p ul li h1 h2 h3 h4 h5 h6 table thead tbody tr th td bdi strong "
        "blockquote pre a svg desc text line circle rect path"
    ).split()
    assert {tag for tag, _ in page.tags} <= set(allowed)
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name not in ("style", "src", "srcset", "action", "formaction", "xlink:href")
            if name == "href":
                assert tag == "a"
                assert re.fullmatch(r"#part-\d+", value or "")
            if name in ("id", "aria-labelledby", "class"):
                assert re.fullmatch(r"[a-z0-9 -]+", value or "")
    assert sum(tag == "style" for tag, _ in page.tags) == 1


def test_the_file_asks_for_nothing_and_its_policy_allows_its_own_style_alone(
    reported: Mapping[str, str],
) -> None:
    text = reported["html"]
    page = Page(text)
    policy = next(a["content"] for tag, a in page.tags if a.get("http-equiv"))
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    assert style[1] == STYLE
    assert "url(" not in STYLE
    assert "@import" not in STYLE


def test_what_was_written_is_still_there_to_be_read(
    hostile: Path, reported: Mapping[str, str]
) -> None:
    page = Page(reported["html"])
    written = VERDICTS_FILE.read(hostile / "verdicts.json").exploratory[0].a
    assert " ".join(visible(written).split())[:LONGEST] in page.text


def test_no_unseen_character_is_left(reported: Mapping[str, str]) -> None:
    for text in reported.values():
        text.encode("utf-8")  # no half of a surrogate pair
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]", text)


def test_markdown_lines_are_only_those_that_the_writer_made(
    reported: Mapping[str, str],
) -> None:
    for line in reported["md"].splitlines():
        if line.startswith("    "):
            continue  # the configuration, verbatim
        assert "<" not in line.removeprefix("<!-- teachback report -->")
        assert not re.search(r"(?<!\\)\[|(?<!\\)`|://|(?<!\\)@", line)
        if not re.match(r"(#{1,6} \S|\| .* \||\|-|- \S|\*\*|<!--)", line):
            assert not re.match(r"\s*([#>=~|]|[+-]( |$)|\d+[.)]( |$))", line), line


def test_a_long_explanation_is_cut_and_says_how_much_is_missing(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", MadeUp(edit=explaining("W" * 3000)))
    page = Page(report(folder))
    assert f"{'W' * LONGEST}… (1,000 more characters)" in page.text
    assert "W" * (LONGEST + 1) not in page.text


def test_a_hash_that_leads_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "result.json").write_text('{"status": "failed", "error": "secret"}', "utf-8")

    folder = write_study(tmp_path / "study")
    plan = folder / "cells.jsonl"
    first, *rest = plan.read_text("utf-8").splitlines()
    changed = {**json.loads(first), "hash": "../../secret"}
    plan.write_text("\n".join([json.dumps(changed), *rest]), "utf-8")
    with pytest.raises(DataError) as caught:
        report(folder)
    assert str(caught.value) == (
        f"{plan}, line 1: the field 'hash' is not valid: string should match pattern "
        "'^[0-9a-f]{16}$'"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("*a* [b](c) `d`", r"\*a\* \[b](c) \`d\`"),
        ("- item", r"\- item"),
        ("+2.5 and -3", "+2.5 and -3"),
        ("0.67", "0.67"),
        ("1. first", r"1\. first"),
        ("# head <b> & $5", r"\# head &lt;b&gt; &amp; \$5"),
        ("http://x.org www.x.org me@x.org", r"http:/\/x.org www\.x.org me\@x.org"),
        ("a\n\n| b", r"a \| b"),
    ],
)
def test_markdown_escapes(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_text_in_elements_and_attributes_is_escaped_and_markup_is_not() -> None:
    made = el("p", "<i>", Markup("<b>x</b>"), title='"<', class_="a")
    assert made == '<p title="&#34;&lt;" class="a">&lt;i&gt;<b>x</b></p>'


def test_a_spreadsheet_takes_no_text_for_a_formula(tmp_path: Path) -> None:
    ends = {("ST", 0): ("failed", '=HYPERLINK("http://example.org","x")')}
    text = report(write_study(tmp_path / "study", MadeUp(ends=ends)), "csv")
    assert "'=HYPERLINK" in text
    assert ",=" not in text
    assert ',"=' not in text


# ---------------------------------------------------------------------- for everybody's eyes


def _luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 has it, of ``#rgb`` or ``#rrggbb``."""
    digits = colour.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_the_contrast_of_white_on_black_is_21() -> None:
    assert _contrast("#fff", "#000000") == pytest.approx(21)
    assert _contrast("#767676", "#fff") == pytest.approx(4.54, abs=0.01)  # WebAIM's table


@pytest.mark.parametrize("scheme", [0, 1, 2], ids=["light", "dark", "print"])
def test_text_and_lines_stand_out_from_what_is_behind_them(scheme: int) -> None:
    blocks = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    assert len(blocks) == 3
    colours = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{3,6})", blocks[scheme]))
    for text in ("text", "quiet", "accent", "good", "bad"):
        for ground in ("ground", "raised"):
            assert _contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for text in ("good", "open", "warn"):
        assert _contrast(colours[text], colours[f"{text}-ground"]) >= 4.5, text
    for number in range(8):
        assert _contrast(colours[f"c{number}"], colours["ground"]) >= 3, number


def test_headings_go_down_one_step_at_a_time_and_tables_name_rows_and_columns(
    tmp_path: Path,
) -> None:
    page = Page(report(write_study(tmp_path / "study", MadeUp(sizes=(80, None)))))
    levels = [level for level, _ in page.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    scopes = [a.get("scope") for tag, a in page.tags if tag == "th"]
    assert set(scopes) == {"col", "row"}
    for tag, attributes in page.tags:
        if tag == "table" or attributes.get("role") in ("region", "img"):
            assert set((attributes["aria-labelledby"] or "").split()) <= set(ids)
        if tag == "svg":
            assert attributes.get("aria-hidden") == "true" or attributes.get("role") == "img"
    charts = [a for tag, a in page.tags if tag == "svg" and a.get("class") == "chart"]
    assert len(charts) == sum(tag == "desc" for tag, _ in page.tags) > 0
    assert page.text.count("Numbers of this chart") == len(charts)

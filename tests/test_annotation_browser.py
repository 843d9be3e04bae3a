"""The page for people in a real browser, by keyboard.

Needs Chromium or Chrome, found by its name or named by TEACHBACK_BROWSER, and Playwright, which
drives it; skips without.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from annotation_runs import RUNS, served, write_runs
from teachback.annotation.answers import Revision, standing
from teachback.annotation.folder import open_answers, read_plan
from teachback.cli import cli
from test_report_safety import HOSTILE

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")

RATED = ["1", "1", "Enter", "1", "1", "1", "2", "Enter"]
"""The keys of a whole rating: not acceptable."""

GIVEN = ("--data", "data.jsonl", "-o", "answers")

Open = Callable[..., Any]


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Open]:
    """A function that opens an address in a browser profile of its own; scripts' errors and what
    the policy refuses fail the test."""
    problems: list[str] = []
    contexts = []

    def opened(address: str, width: int = 1100, **options: Any) -> Any:
        context = chromium.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: said.type == "error" and problems.append(said.text))
        page.on("dialog", lambda dialog: problems.append(f"dialog: {dialog.message}"))
        page.goto(address)
        page.wait_for_selector("fieldset")
        return page

    yield opened
    for context in contexts:
        context.close()
    expected = ("409", "ERR_INTERNET_DISCONNECTED")  # what two tests are about
    assert not [one for one in problems if not any(part in one for part in expected)]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_runs(tmp_path, items=6)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def counted(page: Any, number: int) -> None:
    """Wait until the page says that so many are answered."""
    page.locator(f"#count >> text=/^{number} of /").wait_for()


def stored(work: Path) -> list[Revision]:
    folder = work / "answers"
    with open_answers(folder, read_plan(folder)) as answers:
        return answers.revisions()


def test_a_whole_session_by_keyboard_with_a_reload_an_undo_and_a_note(
    work: Path, open_page: Open
) -> None:
    with served(work, *RUNS, *GIVEN) as (link,):
        page = open_page(link)
        assert "Where does thing" not in page.inner_text("main")  # the explanation comes alone
        press(page, "1", "1")
        assert page.evaluate("document.activeElement.id") == "next"
        press(page, "Enter")
        assert "Where does thing" in page.inner_text("main")
        press(page, "1", "1", "1", "1", "n")
        page.keyboard.type("a note: 1 2 u ?")
        press(page, "Escape", "Enter")
        counted(page, 1)
        assert stored(work)[0].note == "a note: 1 2 u ?"
        press(page, *RATED[:5])
        page.reload()
        counted(page, 1)
        lines = page.inner_text("main").splitlines()
        text = next(line for line in lines if line.startswith("Writer"))
        press(page, *RATED)
        counted(page, 2)
        press(page, "u")
        counted(page, 1)
        assert page.evaluate("document.querySelectorAll('input:checked').length") == 6
        assert text in page.inner_text("main")
        press(page, "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "1", "Enter")
        counted(page, 2)
        for number in range(3, len(read_plan(work / "answers").screens) + 1):
            press(page, *RATED)
            counted(page, number)
        page.wait_for_selector("text=All done")
    revisions = stored(work)
    second = [one for one in revisions if one.screen == revisions[1].screen]
    assert [one.answers and one.answers["acceptable"] for one in second] == ["no", None, "yes"]
    assert len(standing(revisions)) == len(read_plan(work / "answers").screens)
    assert all(0 <= one.seconds < 60 for one in revisions)


def test_two_annotators_at_once_and_two_windows_of_one(work: Path, open_page: Open) -> None:
    names = ("--annotator", "ann", "--annotator", "bob", "--overlap", "1")
    with served(work, *RUNS, *GIVEN, "--mode", "prefer", *names) as links:
        ann, bob = (open_page(link) for link in links)
        other = ann.context.new_page()
        other.goto(links[0])
        other.wait_for_selector("fieldset")
        press(ann, "1", "Enter")
        press(bob, "2", "Enter")
        counted(ann, 1)
        counted(bob, 1)
        press(other, "2", "Enter")  # its screen is answered already: it shows the next one
        counted(other, 1)
        press(other, "3", "Enter")
        counted(other, 2)
    answers = {(one.annotator, (one.answers or {})["preferred"]) for one in stored(work)}
    assert answers == {("ann", "a"), ("ann", "both-good"), ("bob", "b")}


def test_an_answer_is_kept_on_the_page_while_the_server_is_gone(
    work: Path, open_page: Open
) -> None:
    with served(work, *RUNS, *GIVEN, "--mode", "prefer") as (link,):
        page = open_page(link)
        page.context.set_offline(True)
        press(page, "1", "Enter")
        page.wait_for_selector("#message:not([hidden])")
        assert "Not saved" in page.inner_text("#message")
        assert page.evaluate("document.querySelectorAll('input:checked').length") == 1
        page.context.set_offline(False)
        press(page, "Enter")
        counted(page, 1)
    assert len(stored(work)) == 1


def test_a_file_keeps_its_answers_over_a_reload_and_offers_them(
    work: Path, open_page: Open
) -> None:
    begun = CliRunner().invoke(
        cli, ["annotate", *RUNS, *GIVEN, "--mode", "simulate", "--file", "page.html"]
    )
    assert begun.exit_code == 0, begun.output
    page = open_page((work / "page.html").as_uri())
    press(page, "2", "Enter", "1", "Enter")
    counted(page, 1)
    page.reload()
    counted(page, 1)
    press(page, "3", "Enter", "3", "Enter")
    counted(page, 2)
    press(page, "u")
    counted(page, 1)
    with page.expect_download() as waiting:
        page.click("#download")
    waiting.value.save_as(work / waiting.value.suggested_filename)
    merged = CliRunner().invoke(
        cli, ["annotate", "merge", "answers-annotator.jsonl", "-o", "answers"]
    )
    assert merged.exit_code == 0, merged.output
    assert [one.answers for one in stored(work)] == [
        {"without": "1", "with": "0"},
        {"without": "2", "with": "2"},
        None,
    ]
    assert page.evaluate("performance.getEntriesByType('resource').length") == 0


@pytest.mark.parametrize("mode", ["rate", "prefer", "simulate"])
def test_hostile_texts_are_text_and_nothing_scrolls_sideways_on_a_phone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_page: Open, mode: str
) -> None:
    monkeypatch.chdir(tmp_path)
    text = " ".join(HOSTILE.values()).encode("utf-8", "replace").decode()
    text = text.replace("\0", "")  # a dataset may not hold it
    write_runs(tmp_path, items=3, text=text)
    file = CliRunner().invoke(cli, ["annotate", *RUNS, *GIVEN, "--mode", mode, "--file", "p.html"])
    assert file.exit_code == 0, file.output
    with served(tmp_path, "-o", "answers") as (link,):
        for address in (link, (tmp_path / "p.html").as_uri()):
            page = open_page(address, width=360, color_scheme="dark")
            for keys in (["1", "1", "Enter"], ["?"], ["?"], ["n"]):
                press(page, *keys)
                width = page.evaluate("document.documentElement.scrollWidth")
                assert width <= 360
            markup = "main script, main img, main iframe, main a, main svg"
            assert page.evaluate(f"document.querySelectorAll('{markup}').length") == 0
            assert "<script" in page.inner_text("main")


def test_a_screen_reader_finds_names_and_focus_is_seen(work: Path, open_page: Open) -> None:
    with served(work, *RUNS, *GIVEN) as (link,):
        page = open_page(link)
        assert page.get_by_role("group", name="Is everything that it states true?").count() == 1
        assert page.get_by_role("radio", name="Cannot tell").count() == 1
        assert page.get_by_role("progressbar", name="Answered").count() == 1
        assert page.evaluate("document.activeElement.type") == "radio"
        press(page, "Tab", "Shift+Tab")
        outline = page.evaluate(
            "getComputedStyle(document.activeElement.nextElementSibling).outlineStyle"
        )
        assert outline == "solid"
        press(page, "?")
        assert page.get_by_role("dialog", name="How it works").is_visible()
        press(page, "1", "?")
        assert not page.get_by_role("dialog", name="How it works").is_visible()
        assert page.evaluate("document.querySelectorAll('input:checked').length") == 0
        state = json.loads(page.evaluate("fetch('state').then(one => one.text())"))
        assert set(state) == {"screen", "before", "done", "total", "can_undo", "introduction"}

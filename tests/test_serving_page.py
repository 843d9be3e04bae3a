"""The server's page in a real browser, and who gets it.

Needs Chromium or Chrome, found by its name or named by TEACHBACK_BROWSER, and Playwright, which
drives it; skips without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib import request
from urllib.error import HTTPError

import pytest

from teachback.students.load import load
from test_report_safety import HOSTILE
from test_serving import ask, running
from tiny import tiny_causal

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")

KEY = "0123456789abcdef0123"

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A server with a key: its address, and its page's."""
    folder = tmp_path_factory.mktemp("page")
    student = tiny_causal(folder / "student")
    model = load(student)
    model.with_card(
        objective="mt-cot",
        kind="multiple-choice",
        max_new_tokens=12,
        max_source_tokens=1500,
        temperature=2.0,
    )
    model.card.save(student)
    (folder / "key").write_text(KEY, "utf-8")
    with running(student, "--api-key-file", str(folder / "key")) as (address, process):
        assert process.stdout is not None
        name, link = process.stdout.readline().split()
        assert name == "page:"
        yield address, link


@pytest.fixture
def open_page(chromium: Any, served: tuple[str, str]) -> Iterator[Open]:
    """A function that opens the page in a profile of its own; scripts' errors, what the policy
    refuses and requests that go elsewhere fail the test."""
    problems: list[str] = []
    contexts = []

    def opened(width: int = 1100, **options: Any) -> Any:
        context = chromium.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: said.type == "error" and problems.append(said.text))
        page.on("dialog", lambda dialog: problems.append(f"dialog: {dialog.message}"))
        page.on(
            "request",
            lambda sent: sent.url.startswith((served[0], "data:")) or problems.append(sent.url),
        )
        page.goto(served[1])
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not [one for one in problems if "429" not in one]  # which one test is about


def wide(page: Any) -> bool:
    """Whether the page must be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


def test_a_question_is_asked_and_explained_by_keyboard_alone(
    open_page: Open, served: tuple[str, str]
) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    page.keyboard.type("Which melts?")
    page.keyboard.press("Tab")
    page.keyboard.type("a stone\nsome ice\n\n  the sea ")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".answer")
    body = {"question": "Which melts?", "choices": ["a stone", "some ice", "the sea"]}
    status, reply = ask(served[0], "v1/answer", body, Authorization=f"Bearer {KEY}")
    assert status == 200
    assert page.inner_text(".answer") == reply["answer"]
    bars = page.locator(".bar").all()
    shown = [(bar.locator("span").first.inner_text(), bar.locator("meter")) for bar in bars]
    assert {name: float(meter.evaluate("e => e.value")) for name, meter in shown} == pytest.approx(
        reply["probabilities"], abs=1e-4
    )
    assert page.locator(".explanation").count() == 0
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "why"
    page.keyboard.press("Enter")
    page.wait_for_selector(".explanation")
    explained = ask(
        served[0], "v1/answer", {**body, "explain": True}, Authorization=f"Bearer {KEY}"
    )[1]
    assert page.locator(".explanation").evaluate("e => e.textContent") == explained["explanation"]
    assert page.locator("#why").count() == 0


def test_bars_stand_in_the_order_of_the_choices(open_page: Open) -> None:
    page = open_page()
    page.fill("#question", "How many?")
    page.fill("#choices", "20\n3\nnone\n-1\n1")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".answer")
    bars = page.locator(".bar").all()
    shown = [bar.locator("span").first.inner_text() for bar in bars]
    assert shown == ["20", "3", "none", "-1", "1"]


@pytest.mark.parametrize("name", [name for name in HOSTILE if name != "unseen"])
def test_hostile_texts_stay_texts(name: str, open_page: Open) -> None:
    text = HOSTILE[name][:300].replace("\n", " ")
    page = open_page(width=360)
    for field in ("question", "context"):
        page.fill(f"#{field}", text)
    page.fill("#choices", f"{text}\nnone of it")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".answer")
    assert page.locator(".bar span").first.evaluate("e => e.textContent") == text.strip()
    assert (
        page.locator("#said").evaluate("e => e.querySelectorAll('script, img, svg, a').length") == 0
    )
    assert not wide(page)


def test_the_page_fits_a_phone_and_the_dark(open_page: Open) -> None:
    seen = {}
    for scheme in ("light", "dark"):
        page = open_page(width=360, color_scheme=scheme)
        page.fill("#question", "Which melts?")
        page.fill("#choices", "a stone\nsome ice that lies in the sun for a very long time")
        page.click("button[type=submit]")
        page.wait_for_selector(".answer")
        assert not wide(page)
        assert page.locator("button").first.bounding_box()["height"] >= 36
        seen[scheme] = page.evaluate(
            "(e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color])"
            "(document.querySelector('textarea'))"
        )
    assert seen["light"] != seen["dark"]


def test_refusals_are_shown(open_page: Open) -> None:
    page = open_page()
    page.fill("#question", "Which melts?")
    page.route(
        "**/v1/answer",
        lambda route: route.fulfill(
            status=429,
            json={"error": {"message": "too many requests are waiting: <b>try</b> again"}},
        ),
    )
    page.evaluate("document.getElementById('form').requestSubmit()")
    page.wait_for_selector("text=<b>try</b> again")


def status_of(address: str, **headers: str) -> int:
    try:
        with request.urlopen(request.Request(address, headers=headers), timeout=30) as reply:
            return int(reply.status)
    except HTTPError as refused:
        with refused:
            return refused.code


def test_the_page_is_for_those_who_have_its_link_or_the_key(served: tuple[str, str]) -> None:
    address, link = served
    token = link.split("/")[-2]
    assert KEY not in link
    for name in ("", "page.js", "page.css"):
        assert status_of(address + name) == 401
        assert status_of(address + name, Authorization=f"Bearer {KEY}") == 200
        assert status_of(link + name) == 200
        assert status_of(f"{address}page/{token[:-1]}/{name}") == 404
    page = {"Authorization": f"Bearer {token}"}
    body = {"question": "Which?", "choices": ["a", "b"]}
    assert ask(address, "v1/answer", body, **page)[0] == 200
    # The page's token asks questions, and nothing else.
    assert ask(address, "v1/completions", {"prompt": "a"}, **page)[0] == 401
    assert status_of(address + "metrics", **page) == 401
    assert ask(address, "v1/answer", body, Authorization=KEY)[0] == 401

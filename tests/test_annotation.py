"""Annotation without a browser: who sees what, what is stored, what is counted, what is refused."""

from __future__ import annotations

import asyncio
import html
import json
import re
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from click.testing import CliRunner, Result

from annotation_runs import RUNS, downloaded, rating, write_runs
from study_folder import MadeUp, write_study
from teachback.annotation.answers import AnswerStore, Revision, standing
from teachback.annotation.detectable import detectable_difference
from teachback.annotation.explained_items import explained_items
from teachback.annotation.folder import plan_of
from teachback.annotation.page import page_file
from teachback.annotation.plan import Plan, PlanSettings, Screen, annotators_by_item
from teachback.annotation.results import RESULTS_FILE, exported_rows, measure_annotation
from teachback.annotation.screens import shown_screen
from teachback.annotation.server import MOST_BYTES, AnnotationServer
from teachback.annotation.wording import difference_sentence, is_shown
from teachback.cli import cli
from teachback.errors import StoreError
from teachback.files import read_jsonl, write_jsonl
from teachback.reports import report

NAMES = ("ann", "bob", "cem", "dia")


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_runs(tmp_path, items=40)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plan(**values: Any) -> Plan:
    return plan_of(RUNS, "data.jsonl", None, PlanSettings(**values))[0]


def teachback(*args: str) -> Result:
    return CliRunner().invoke(cli, [*args], prog_name="teachback")


def dry_run(*args: str) -> str:
    result = teachback("annotate", *RUNS, "--data", "data.jsonl", "--dry-run", *args)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*args: str) -> str:
    """The one line with which a command is refused."""
    result = teachback(*args)
    assert result.exit_code == 2, result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    return lines[0]


# ------------------------------------------------------------------ who sees what


def test_every_item_goes_to_one_annotator_and_a_random_part_to_three(work: Path) -> None:
    drawn = plan(annotators=NAMES, overlap=0.25)
    assert annotators_by_item(drawn) == {1: 30, 3: 10}
    sizes = {name: len(drawn.of_annotator(name)) for name in NAMES}
    assert max(sizes.values()) - min(sizes.values()) <= 4
    alone = plan(overlap=0.25)
    assert annotators_by_item(alone) == {1: 40}
    assert plan(annotators=NAMES, items=10, seed=1) == plan(annotators=NAMES, items=10, seed=1)
    assert plan(items=10, seed=1).items != plan(items=10, seed=2).items


def test_an_annotator_sees_all_systems_of_an_item_and_far_apart(work: Path) -> None:
    drawn = plan()
    plain = [screen for screen in drawn.screens if screen.planted is None]
    assert Counter(screen.item for screen in plain) == {item.id: 2 for item in drawn.items}
    for item in drawn.items:
        places = [place for place, screen in enumerate(plain) if screen.item == item.id]
        assert places[1] - places[0] == 40
        assert {plain[place].systems for place in places} == {(0,), (1,)}
    assert {screen.systems for screen in plain[:40]} == {(0,), (1,)}  # neither comes first always


def test_sides_are_drawn_for_each_annotator(work: Path) -> None:
    drawn = plan(mode="prefer", annotators=NAMES[:3], overlap=1)
    sides = {
        name: {s.item: s.systems for s in drawn.of_annotator(name) if s.planted is None}
        for name in NAMES[:3]
    }
    assert sides["ann"] != sides["bob"] != sides["cem"]
    for own in sides.values():
        assert 8 <= Counter(own.values())[0, 1] <= 32


@pytest.mark.parametrize("mode", ["rate", "prefer"])
def test_planted_screens_are_a_twentieth_each_and_a_repeat_comes_later(
    work: Path, mode: Any
) -> None:
    drawn = plan(mode=mode)
    plain = [screen for screen in drawn.screens if screen.planted is None]
    planted = Counter(screen.planted for screen in drawn.screens)
    assert planted["repeat"] == planted["contradiction"] == round(0.05 * len(plain))
    order = [screen.id for screen in drawn.screens]
    by_id = {screen.id: screen for screen in drawn.screens}
    for screen in drawn.screens:
        if screen.planted == "repeat":
            first = by_id[screen.of or ""]
            assert order.index(screen.id) - order.index(first.id) > 5
            assert screen.systems == first.systems[::-1]
        if screen.planted == "contradiction":
            texts = json.dumps(shown_screen(drawn, screen))
            assert texts.count("So the answer is not") == 1


def test_nothing_tells_systems_or_planted_screens_apart(work: Path) -> None:
    drawn = plan(mode="prefer", annotators=NAMES[:2])
    page = page_file(drawn, "ann")
    for name in (*RUNS, "secret-name", "item-", "planted", "repeat", "systems"):
        assert name not in page.replace("event.repeat", ""), name
    assert re.search(r'"gold|Gold answer', page) is None
    shown = page_file(plan(show_gold=True), "annotator")
    assert "Gold answer" in shown


# ------------------------------------------------------------------ what it can show


@pytest.mark.parametrize(
    ("items", "annotators", "points"),
    [(30, 1, 33), (100, 1, 18), (100, 3, 12), (200, 1, 13), (200, 2, 10), (300, 2, 8)],
)
def test_the_detectable_difference_of_ratings(items: int, annotators: int, points: int) -> None:
    found = detectable_difference("rate", {annotators: items})
    assert found is not None
    assert round(100 * found) == points


def test_the_detectable_difference_of_other_modes_and_of_mixed_numbers() -> None:
    def points(mode: Any, annotated: dict[int, int]) -> float:
        return 100 * (detectable_difference(mode, annotated) or 0)

    assert [round(points("prefer", {1: n}), 1) for n in (100, 200, 300)] == [12.5, 8.9, 7.2]
    assert [round(points("simulate", {1: n})) for n in (100, 200, 400)] == [15, 11, 8]
    assert round(points("rate", {1: 200}), 1) == 12.8
    assert round(points("rate", {3: 67}), 1) == 14.8
    assert points("rate", {3: 100}) < points("rate", {1: 80, 3: 20}) < points("rate", {1: 100})
    assert detectable_difference("rate", {1: 3}) is None


def test_a_dry_run_says_what_can_be_shown_and_writes_nothing(work: Path) -> None:
    before = sorted(work.rglob("*"))
    assert "40 items by 1 annotator: can show 28.7 points of 'acceptable'" in dry_run()
    assert sorted(work.rglob("*")) == before


# ------------------------------------------------------------------ what is stored and counted


def said(screen: Screen, answers: dict[str, str] | None, number: int, **more: Any) -> Revision:
    values: dict[str, Any] = {"note": "", "seconds": 4.0, "made": "2026-01-01T00:00:00+00:00"}
    values |= {"source": "server", "source_number": number, **more}
    return Revision(annotator=screen.annotator, screen=screen.id, answers=answers, **values)


def test_answers_are_revisions_that_are_never_changed(work: Path) -> None:
    drawn = plan()
    first, second = drawn.screens[:2]
    file = work / "answers.sqlite"
    with AnswerStore(file, drawn) as answers:
        answers.put([said(first, rating("yes"), 1)])
        answers.put([said(second, rating("yes"), 2)])
        answers.put([said(second, None, 3)])
        answers.put([said(second, rating("no"), 4, note="half \ud800 a pair")])
    with AnswerStore(file, drawn) as answers:
        revisions = answers.revisions()
    assert [one.source_number for one in revisions] == [1, 2, 3, 4]
    last = standing(revisions)
    assert (last[first.id].answers or {})["acceptable"] == "yes"
    assert (last[second.id].answers or {})["acceptable"] == "no"
    rows = list(exported_rows(drawn, revisions))
    assert [row["times_answered"] for row in rows] == [1, 2]
    assert rows[0]["systems"] == [RUNS[first.systems[0]]]
    (work / "other.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match=r"other\.sqlite"):
        AnswerStore(work / "other.sqlite", drawn)


def test_shares_and_the_paired_difference_are_over_items(work: Path) -> None:
    """Three annotators on four items: worked out by hand."""
    drawn = plan(items=4, annotators=NAMES[:3], overlap=1)
    items = [item.id for item in drawn.items]
    # acceptable by item: system 0 as said here, by annotators; system 1 never.
    yes = {items[0]: "yyy", items[1]: "yyn", items[2]: "ynn", items[3]: "nnn"}
    revisions = [
        said(
            screen,
            rating(
                "yes"
                if screen.systems == (0,) and yes[screen.item][NAMES.index(screen.annotator)] == "y"
                else "no"
            ),
            number,
        )
        for number, screen in enumerate(drawn.screens)
    ]
    found = measure_annotation(drawn, revisions)
    (own,) = [
        r for r in found.shares if (r.measure, r.system) == ("acceptable", "runs/own-secret-name")
    ]
    assert own.share == pytest.approx(0.5)
    assert (own.items, own.answers) == (4, 12)
    (row,) = [r for r in found.differences if r.primary]
    assert (row.measure, row.a, row.b) == ("acceptable", *RUNS)
    assert row.difference == pytest.approx(0.5)
    # s² of 1, 2/3, 1/3, 0 is 5/27: 0.5 ± t(3) sqrt(5/27/4), t(3) = 3.18245
    assert row.low is not None
    assert row.low == pytest.approx(max(-1, 0.5 - 3.18245 * (5 / 108) ** 0.5), abs=1e-4)
    # 3/8 without ann (means 1, 1/2, 0, 0), 1/2 without bob, 5/8 without cem.
    assert row.without_one == pytest.approx((3 / 8, 5 / 8))
    (agreed,) = [r for r in found.agreement if r.measure == "acceptable"]
    assert agreed.units == 8
    assert agreed.raw == pytest.approx((6 + 2 / 3) / 8)
    assert (agreed.prevailing, agreed.prevalence) == ("no", pytest.approx(18 / 24))
    assert "factual" not in {r.measure for r in found.shares}  # "cannot tell" is no value
    assert found.complete


def test_a_preference_counts_ties_half_and_turns_sides_back(work: Path) -> None:
    drawn = plan(mode="prefer", items=10)
    plain = [screen for screen in drawn.screens if screen.planted is None]
    # Six wins of system 0, wherever it stood; two ties; two losses.
    revisions = []
    for number, screen in enumerate(plain):
        left = "a" if screen.systems[0] == 0 else "b"
        right = "b" if left == "a" else "a"
        answer = left if number < 6 else ("both-good", "both-bad", right, right)[number - 6]
        revisions.append(said(screen, {"preferred": answer}, number))
    found = measure_annotation(drawn, revisions)
    (row,) = found.differences
    assert row.difference == pytest.approx(0.2)
    assert (row.a, row.b) == RUNS
    assert {(s.system, round(s.share, 3)) for s in found.shares} == {(RUNS[0], 0.7), (RUNS[1], 0.3)}


def test_simulating_counts_what_the_system_answered_and_not_gold(work: Path) -> None:
    drawn = plan(mode="simulate", items=10)
    plain = [screen for screen in drawn.screens if screen.planted is None]
    by_id = drawn.by_id()
    revisions = []
    for number, screen in enumerate(plain):
        item = by_id[screen.item]
        right = item.choices.index(item.explanations[screen.systems[0]].answer or "")
        revisions.append(
            said(screen, {"without": str((right + 1) % 4), "with": str(right)}, number)
        )
    found = measure_annotation(drawn, revisions)
    shares = {(row.measure, row.system): row.share for row in found.shares}
    assert shares["without", RUNS[1]] == 0
    assert shares["with", RUNS[1]] == 1
    gains = [row for row in found.differences if row.measure == "gain"]
    assert [(row.b, row.difference) for row in gains] == [(None, 1), (None, 1), (RUNS[1], 0)]
    # Each p is 0.5 ** 9, of ten items alike, and there are three primary differences.
    assert [row.p_holm for row in gains] == pytest.approx([3 / 512, 3 / 512, 1])
    assert "p < 0.05 after Holm over 3 comparisons" in dry_run("--mode", "simulate")
    assert "shown, with its explanation is higher" in difference_sentence(gains[0])


def test_several_primary_differences_are_shown_after_holm_only(work: Path) -> None:
    """Four of ten items gained by one system, none by the other: p = 0.037, and three such."""
    drawn = plan(mode="simulate", items=10)
    by_id = drawn.by_id()
    helped = {item.id for item in drawn.items[:4]}
    revisions = []
    for number, screen in enumerate(drawn.screens):
        item = by_id[screen.item]
        right = item.choices.index(item.explanations[screen.systems[0]].answer or "")
        before = str((right + 1) % 4)
        after = str(right) if screen.systems == (0,) and screen.item in helped else before
        revisions.append(said(screen, {"without": before, "with": after}, number))
    found = measure_annotation(drawn, revisions)
    gains = [row for row in found.differences if row.measure == "gain"]
    assert [row.p for row in gains] == pytest.approx([0.0368, 1, 0.0368], abs=5e-5)
    assert not any(is_shown(row) for row in gains)
    assert "p = 0.037 (after Holm, p = 0.11), 10 items: not shown" in difference_sentence(gains[0])
    row = RESULTS_FILE.row(found)  # as it was written before Holm's p-values were
    before_holm = [
        {key: value for key, value in one.items() if key != "p_holm"} for one in row["differences"]
    ]
    old = {**row, "version": 1, "differences": before_holm}
    assert RESULTS_FILE.of_row(old, "results.json") == found


def test_a_group_named_like_an_item_is_not_that_item(work: Path) -> None:
    def low(groups: dict[str, str]) -> float | None:
        rows = [row for _, row in read_jsonl("data.jsonl")]
        own = [{**row, "group": groups[row["id"]]} if row["id"] in groups else row for row in rows]
        write_jsonl("grouped.jsonl", own)
        drawn = plan_of(RUNS, "grouped.jsonl", None, PlanSettings())[0]
        plain = [screen for screen in drawn.screens if screen.planted is None]
        revisions = [
            said(screen, rating("yes" if len(screen.item) % 2 == screen.systems[0] else "no"), n)
            for n, screen in enumerate(plain)
        ]
        found = measure_annotation(drawn, revisions)
        (row,) = [one for one in found.differences if one.primary]
        return row.low

    alone = low({})
    assert low({"item-1": "item-0", "item-2": "item-3"}) == alone
    assert low({"item-1": "one", "item-2": "one"}) != alone


def test_planted_screens_flag_and_are_counted_in_no_share(work: Path) -> None:
    drawn = plan(mode="rate")
    revisions = [said(screen, rating("yes"), n) for n, screen in enumerate(drawn.screens)]
    found = measure_annotation(drawn, revisions)
    (row,) = found.annotators
    assert (row.contradictions, row.caught, row.repeats, row.same) == (4, 0, 4, 4)
    assert row.flagged
    (share, _) = [r for r in found.shares if r.measure == "acceptable"]
    assert share.answers == 40


def test_a_studys_report_has_a_section_of_it(work: Path) -> None:
    study = write_study(work / "study", MadeUp())
    drawn = plan(mode="prefer", items=10)
    revisions = [said(screen, {"preferred": "a"}, n) for n, screen in enumerate(drawn.screens)]
    results = measure_annotation(drawn, revisions)
    place = study / "annotations" / "people"
    place.mkdir(parents=True)
    RESULTS_FILE.write(place / "results.json", results)
    text = html.unescape(report(study))
    assert "What people say of the explanations" in text
    assert difference_sentence(results.differences[0]) in text
    (place / "results.json").write_text("{}")
    assert "annotations/people/results.json" in html.unescape(report(study))


# ------------------------------------------------------------------ the server


def on_server(drawn: Plan, folder: Path, visit: Any) -> None:
    """Run ``visit(session, address, server)`` against a server of ``drawn``."""

    async def run() -> None:
        with AnswerStore(folder / "answers.sqlite", drawn) as answers:
            server = AnnotationServer(drawn, answers)
            listener = socket.create_server(("127.0.0.1", 0))
            port = listener.getsockname()[1]
            runner = web.AppRunner(server.application(port))
            await runner.setup()
            await web.SockSite(runner, listener).start()
            async with aiohttp.ClientSession() as session:
                try:
                    await visit(session, f"http://127.0.0.1:{port}", server)
                finally:
                    await runner.cleanup()

    asyncio.run(run())


def test_the_server_answers_only_its_own_page(work: Path) -> None:
    drawn = plan(items=4, annotators=("ann", "bob"))

    async def visit(session: aiohttp.ClientSession, at: str, server: AnnotationServer) -> None:
        token = next(iter(server.tokens))
        async with session.get(f"{at}/{token}/") as reply:
            assert reply.status == 200
            policy = reply.headers["Content-Security-Policy"]
            assert "unsafe" not in policy
            assert "default-src 'none'" in policy
            assert not any(name.startswith("Access-Control") for name in reply.headers)
        for path in ("/", "/nothing/", "/nothing/state", f"/{token}/../x", f"/{token}/page.html"):
            async with session.get(f"{at}{path}") as reply:
                assert reply.status in (403, 404), path
        async with session.get(f"{at}/{token}/state", headers={"Host": "evil.example"}) as reply:
            assert reply.status == 403
            assert "screen" not in await reply.text()
        answer = {"screen": drawn.screens[0].id, "answers": rating("yes"), "seconds": 1}
        for headers, body, status in (
            ({"Origin": "http://evil.example"}, answer, 403),
            ({"Content-Type": "text/plain"}, answer, 403),
            ({}, {**answer, "answers": {"acceptable": "yes"}}, 400),
            ({}, {**answer, "answers": {**rating("yes"), "factual": ["x"]}}, 400),
            ({}, {**answer, "answers": {**rating("yes"), "factual": "maybe"}}, 400),
            ({}, {**answer, "screen": drawn.of_annotator("bob")[0].id}, 400),
            ({}, {**answer, "note": "x" * MOST_BYTES}, 413),
            ({}, {**answer, "note": "fine", "seconds": 2.5}, 200),
            ({}, answer, 409),
            ({}, {**answer, "screen": drawn.screens[1].id, "seconds": 10**400}, 200),
            ({}, {**answer, "screen": drawn.screens[2].id, "seconds": float("nan")}, 200),
        ):
            given = {"Content-Type": "application/json", **headers}
            async with session.post(
                f"{at}/{token}/answer", data=json.dumps(body), headers=given
            ) as reply:
                assert reply.status == status, await reply.text()
        for content in ("", "[]", "nonsense", "[" * 10_000):
            async with session.post(
                f"{at}/{token}/undo",
                data=content,
                headers={"Content-Type": "application/json"},
            ) as reply:
                assert reply.status == 400

    on_server(drawn, work, visit)
    with AnswerStore(work / "answers.sqlite", drawn) as answers:
        found = [(one.note, one.seconds) for one in answers.revisions()]
    assert found == [("fine", 2.5), ("", 0), ("", 0)]


def test_no_byte_that_is_served_names_a_system(work: Path) -> None:
    drawn = plan(items=6, mode="prefer")
    sent: list[str] = []

    async def visit(session: aiohttp.ClientSession, at: str, server: AnnotationServer) -> None:
        token = next(iter(server.tokens))
        for path in ("", "page.js", "page.css"):
            async with session.get(f"{at}/{token}/{path}") as reply:
                sent.append(f"{reply.headers}{await reply.text()}")
        while True:
            async with session.get(f"{at}/{token}/state") as reply:
                sent.append(f"{reply.headers}{await reply.text()}")
                state = await reply.json()
            if state["screen"] is None:
                break
            body = {"screen": state["screen"]["id"], "answers": {"preferred": "a"}}
            async with session.post(f"{at}/{token}/answer", json=body) as reply:
                sent.append(await reply.text())

    on_server(drawn, work, visit)
    assert len(sent) > 12
    for text in sent:
        assert "secret-name" not in text
        assert "predictions" not in text
        assert "item-" not in text


# ------------------------------------------------------------------ what is refused


def begin(*more: str) -> Result:
    return teachback(
        *("annotate", *RUNS, "--data", "data.jsonl", "--items", "6", "--seed", "3"),
        *("--file", "page.html", "-o", "answers", *more),
    )


def test_files_are_merged_once_and_a_later_download_adds_to_an_earlier_one(work: Path) -> None:
    assert begin().exit_code == 0
    first, later = downloaded("first.jsonl", answers=3), downloaded("later.jsonl", answers=5)
    result = teachback("annotate", "merge", later, first, "-o", "answers")
    assert result.exit_code == 0, result.output
    assert "annotator: 5 of 14 screens answered" in result.output
    again = teachback("annotate", "merge", first, "-o", "answers")
    assert "0 of them new" in again.output
    shown = teachback("annotate", "results", "answers", "--export", "all.jsonl")
    assert shown.exit_code == 0, shown.output
    assert "acceptable" in shown.output
    assert len(Path("all.jsonl").read_text("utf-8").splitlines()) == 5
    assert json.loads(Path("answers/results.json").read_text("utf-8"))["primary"] == "acceptable"


def test_two_browsers_of_one_annotator_are_refused_and_nothing_is_lost(work: Path) -> None:
    begin()
    one, two = downloaded("one.jsonl"), downloaded("two.jsonl", "no", browser="b2")
    assert "answered in two places" in refused("annotate", "merge", one, two, "-o", "answers")
    teachback("annotate", "merge", one, "-o", "answers")
    line = refused("annotate", "merge", two, "-o", "answers")
    assert "two.jsonl" in line
    assert "the answers already there" in line
    changed = downloaded("changed.jsonl", "no")
    assert "was changed after" in refused("annotate", "merge", changed, "-o", "answers")
    with AnswerStore(Path("answers/answers.sqlite"), plan(items=6, seed=3)) as answers:
        assert [(r.answers or {})["acceptable"] for r in answers.revisions()] == ["yes"] * 3


def test_bad_files_of_answers(work: Path) -> None:
    begin()
    Path("wrong.jsonl").write_text('{"id": 1}\n')
    assert "is not a file of answers" in refused(
        "annotate", "merge", "wrong.jsonl", "-o", "answers"
    )
    lines = Path(downloaded("good.jsonl")).read_text("utf-8").splitlines()
    for name, changed, error in (
        ("cut", [*lines[:1], lines[2]], "line 2: a line before this one is missing"),
        ("other", [lines[0].replace("identity", "identities")], "identity"),
        ("option", [lines[0], lines[1].replace('"yes"', '"maybe"')], "not one of the options"),
        ("half", [lines[0], lines[1][:40]], "line 2: not valid JSON"),
    ):
        Path(f"{name}.jsonl").write_text("\n".join(changed), "utf-8")
        assert error in refused("annotate", "merge", f"{name}.jsonl", "-o", "answers")


def test_a_folder_is_continued_only_with_what_it_was_begun_with(work: Path) -> None:
    assert begin().exit_code == 0
    assert begin().exit_code == 0  # the same again changes nothing
    line = refused("annotate", *RUNS, "--data", "data.jsonl", "--items", "8", "-o", "answers")
    assert "--items (6)" in line
    file = Path(RUNS[0], "predictions.jsonl")
    file.write_text(file.read_text("utf-8").replace("wet", "dry"), "utf-8")
    assert "have changed since" in refused(
        *("annotate", *RUNS, "--data", "data.jsonl", "--items", "6", "--seed", "3"),
        *("--file", "page.html", "-o", "answers"),
    )
    # With -o alone it continues with what was shown so far.
    alone = teachback("annotate", "--file", "page.html", "-o", "answers")
    assert alone.exit_code == 0, alone.output


def test_runs_that_cannot_be_shown(work: Path) -> None:
    given = ("--data", "data.jsonl", "-o", "answers")
    assert "give --data FILE" in refused("annotate", RUNS[0], "-o", "answers")
    assert "name a second run" in refused("annotate", RUNS[0], "--mode", "prefer", *given)
    assert "named twice" in refused("annotate", RUNS[0], f"{RUNS[0]}/", *given)
    assert "runs/none" in refused("annotate", "runs/none", *given)
    Path("runs/empty").mkdir()
    assert "--explain writes one" in refused("annotate", "runs/empty", *given)
    file = Path(RUNS[1], "predictions.jsonl")
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    for row in rows:
        del row["explanation"]
    file.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    assert "no prediction has an explanation" in refused("annotate", *RUNS, *given)
    twice = ("--annotator", "a", "--annotator", "a")
    assert "a different name" in refused("annotate", RUNS[0], *twice, *given)
    assert "give -o DIR" in refused("annotate", RUNS[0])
    assert "no plan.json" in refused("annotate", "results", "runs")
    assert not Path("answers", "answers.sqlite").exists()


def test_items_that_not_every_run_explains_are_left_out(work: Path) -> None:
    file = Path(RUNS[1], "predictions.jsonl")
    file.write_text("\n".join(file.read_text("utf-8").splitlines()[:30]), "utf-8")
    found = explained_items(RUNS, "data.jsonl")
    assert (len(found.examples), found.left_out) == (30, 10)

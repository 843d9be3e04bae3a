"""A teacher's session, from objects and from a configuration."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from teachback.config import SelectionConfig, TeacherConfig
from teachback.errors import ConfigError, TeacherError
from teachback.explaining.selection import SelectionRules
from teachback.explaining.session import TeacherSetup
from teachback.records import Completion, Example, ReplyReading, Request
from teachback.teachers.prompts import Prompts
from teachback.teachers.scripted import ScriptedTeacher
from teachback.teachers.stored import StoredTeacher

EXAMPLES = [Example(f"q{i}", f"Does {i} follow?", "yes", "yes-no") for i in range(4)]
PRICES = '["m"]\ninput = 100.0\noutput = 1000.0\n'
COST = (50 * 100 + 10 * 1000) / 1e6


def reply(request: Request) -> Completion:
    """q0 and q1 right at once, the others when they are given the answer."""
    right = request.kind == "rp" or request.example_id in ("q0", "q1")
    text = f"Numbers follow each other.\nThe answer is {'yes' if right else 'no'}."
    return Completion(text, tokens_in=50, tokens_out=10)


@pytest.fixture
def teacher() -> ScriptedTeacher:
    return ScriptedTeacher(reply, model="m")


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    file = tmp_path / "prices.toml"
    file.write_text(PRICES, "utf-8")
    return file


def test_ask_select_estimate_and_bill(
    tmp_path: Path, teacher: ScriptedTeacher, prices: Path
) -> None:
    setup = TeacherSetup(teacher, Prompts(), prices=prices)
    assert setup.estimate(EXAMPLES).crop_least.requests == 4
    assert setup.estimate(EXAMPLES).crop_most.requests == 8
    with setup.open(tmp_path / "s.sqlite") as session:
        assert session.ask(EXAMPLES[:3]).stored == 4
        left = session.estimate(EXAMPLES)
        assert (left.cote.requests, left.decided, left.backups) == (1, 3, 1)
        partly = session.select(EXAMPLES)
        assert [e.id for e in partly.explanations] == ["q0", "q1", "q2"]
        assert [e.id for e in partly.not_asked] == ["q3"]
        assert [len(part.explanations) for _, part in session.select_each(EXAMPLES)] == [1, 1, 1, 0]
        assert session.bill().run == session.bill().total == pytest.approx(4 * COST)
        assert session.has_reply(EXAMPLES[0], "cote")
        assert not session.has_reply(EXAMPLES[3], "cote")
        assert session.reply(EXAMPLES[0], "direct") is None
    with setup.open(tmp_path / "s.sqlite") as again:
        assert again.ask(EXAMPLES).stored == 2
        assert again.bill().run == pytest.approx(2 * COST)
        assert again.bill().total == pytest.approx(6 * COST)
        assert again.ask(EXAMPLES, "direct").stored == 4


def test_asking_within_an_event_loop(tmp_path: Path, teacher: ScriptedTeacher) -> None:
    async def notebook() -> int:
        with TeacherSetup(teacher, Prompts()).open(tmp_path / "s.sqlite") as session:
            return (await session.ask_async(EXAMPLES, "cote", samples=2)).stored

    assert asyncio.run(notebook()) == 8
    assert {request.sample for request in teacher.asked} == {0, 1}


def test_what_cannot_work_is_said_before_anything_is_written(
    tmp_path: Path, teacher: ScriptedTeacher
) -> None:
    class Unknown(ScriptedTeacher):
        free = False

    with pytest.raises(ConfigError, match="a cap on costs needs prices: no price is known for x"):
        TeacherSetup(Unknown([], model="x"), Prompts(), max_cost=1.0)
    with pytest.raises(ConfigError, match="there is no such file"):
        TeacherSetup(teacher, Prompts(), prices=tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="no teacher is set"):
        TeacherSetup.from_config(TeacherConfig(), SelectionConfig(), "yes-no")
    assert list(tmp_path.iterdir()) == []


def test_the_sections_of_a_configuration_are_heeded(prices: Path) -> None:
    setup = TeacherSetup.from_config(
        TeacherConfig(
            reference="scripted:Because.",
            exemplars="none",
            form="text",
            temperature=0.5,
            samples=3,
            concurrency=7,
            prices=str(prices),
            max_cost=2.0,
        ),
        SelectionConfig(strategy="cote", choose="agreed", max_words=9, rp_check=False),
        "yes-no",
    )
    assert (setup.teacher.form, setup.prompts.form) == ("text", "text")
    assert setup.prompts.exemplars == ()
    assert setup.prompts.sampling.temperature == 0.5
    assert (setup.samples, setup.concurrency, setup.max_cost) == (3, 7, 2.0)
    assert setup.strategy == "cote"
    assert setup.rules == SelectionRules(
        choose="agreed", max_words=9, rp_check=False, reading=ReplyReading(languages=("en",))
    )


def test_a_stored_teacher_is_read_and_not_asked(tmp_path: Path, teacher: ScriptedTeacher) -> None:
    path = tmp_path / "s.sqlite"
    with TeacherSetup(teacher, Prompts()).open(path) as session:
        session.ask(EXAMPLES)
    setup = TeacherSetup(StoredTeacher("m"), Prompts())
    with setup.open(path, read_only=True) as session:
        assert len(session.select(EXAMPLES).explanations) == 4
        with pytest.raises(TeacherError, match="only its stored replies"):
            session.ask([Example("new", "Does it?", "yes", "yes-no")])

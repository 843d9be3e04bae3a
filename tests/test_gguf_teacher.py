"""The teacher in the process, with a tiny GGUF file that each engine really runs."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Sequence
from pathlib import Path

import pytest

from teachback.errors import MissingExtraError, ReferenceError_
from teachback.explaining.asking import Asking
from teachback.records import Completion, Example, Message, Request, Sampling
from teachback.store import CompletionStore
from teachback.teachers import engines as engines_module
from teachback.teachers import open_teacher
from teachback.teachers.engines import EngineName
from teachback.teachers.gguf import GgufTeacher
from teachback.teachers.prompts import Prompts
from tiny_gguf import tiny_gguf

PACKAGES: dict[EngineName, str] = {"openvino": "openvino_genai", "llama.cpp": "xllamacpp"}
SYSTEM = Message("system", "Explain, then answer.")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture(params=sorted(PACKAGES))
def engine(request: pytest.FixtureRequest) -> EngineName:
    name: EngineName = request.param
    if importlib.util.find_spec(PACKAGES[name]) is None:
        pytest.skip(f"{PACKAGES[name]} is not installed")
    return name


def request_of(text: str, sample: int = 0, **sampling: object) -> Request:
    settings = Sampling(**{"max_tokens": 12, **sampling})  # type: ignore[arg-type]
    return Request("q", "cote", (SYSTEM,), (Message("user", text),), settings, sample)


def ask(teacher: GgufTeacher, requests: Sequence[Request]) -> list[Completion]:
    async def run() -> list[Completion]:
        try:
            return await asyncio.gather(*(teacher.complete(request) for request in requests))
        finally:
            await teacher.aclose()

    return asyncio.run(run())


def test_requests_together_get_what_each_gets_alone(file: Path, engine: EngineName) -> None:
    questions = [request_of(f"What melts? {n}") for n in range(5)]
    together = ask(GgufTeacher(file, engine=engine, slots=2), questions)
    alone = [ask(GgufTeacher(file, engine=engine, slots=1), [q])[0] for q in questions[:2]]
    assert [c.text for c in together[:2]] == [c.text for c in alone]
    assert len({c.text for c in together}) > 1
    for completion in together:
        assert completion.error is None
        assert completion.finish_reason == "length"
        assert completion.tokens_out == 12
        assert completion.tokens_in is not None
        assert completion.tokens_in > 40


def test_samples_differ_and_come_again(file: Path, engine: EngineName) -> None:
    questions = [request_of("What melts?", sample, temperature=1.0) for sample in range(4)]
    first = [c.text for c in ask(GgufTeacher(file, engine=engine), questions)]
    again = [c.text for c in ask(GgufTeacher(file, engine=engine), questions)]
    assert len(set(first)) == 4
    assert first == again


def test_a_reply_ends_before_a_stop_sequence(file: Path, engine: EngineName) -> None:
    (whole,) = ask(GgufTeacher(file, engine=engine), [request_of("What melts?")])
    stop = next(c for c in whole.text if c.isascii() and c.strip())
    (cut,) = ask(GgufTeacher(file, engine=engine), [request_of("What melts?", stop=(stop,))])
    assert cut.text == whole.text.partition(stop)[0].strip()
    assert cut.finish_reason == "stop"


def test_a_base_model_continues_a_text(file: Path, engine: EngineName) -> None:
    prefix = (Message("text", "Question: What flies?\nAnswer: owl\n\n"),)
    request = Request(
        "q", "cote", prefix, (Message("text", "Question: What melts?"),), Sampling(max_tokens=8)
    )
    (completion,) = ask(GgufTeacher(file, engine=engine, form="text"), [request])
    assert completion.error is None
    assert completion.tokens_in in range(50, 70)  # bytes, and no chat template around them


def test_a_prompt_that_does_not_fit_fails_alone(file: Path) -> None:
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed")
    long, short = request_of("melts? " * 3000), request_of("What melts?")
    failed, fine = ask(GgufTeacher(file, engine="llama.cpp"), [long, short])
    assert failed.finish_reason == "failed"
    assert failed.error
    assert fine.error is None


def test_a_run_asks_the_model_and_stores_its_replies(
    file: Path, engine: EngineName, tmp_path: Path
) -> None:
    examples = [
        Example(f"q{n}", f"Which one melts, {n}?", "ice", "multiple-choice", ("ice", "stone"))
        for n in range(3)
    ]
    teacher = GgufTeacher(file, engine=engine)
    assert teacher.model.startswith("tiny@")
    with CompletionStore(tmp_path / "completions.sqlite") as store:
        for stored in (6, 0):  # random weights are never right: COTE and RP of each
            summary = Asking(
                teacher=teacher,
                prompts=Prompts(sampling=Sampling(max_tokens=6)),
                strategy="crop",
                store=store,
            ).run(examples)
            assert (summary.stored, summary.failed) == (stored, 0)


def test_the_reference_names_the_file(file: Path) -> None:
    if not any(importlib.util.find_spec(package) for package in PACKAGES.values()):
        pytest.skip("no engine is installed")
    teacher = open_teacher(f"gguf:{file}", concurrency=4)
    assert isinstance(teacher, GgufTeacher)
    assert 1 <= teacher.concurrency <= 4


def test_without_an_engine_the_extra_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines_module.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'teachback\[gguf-teacher\]'"):
        open_teacher(f"gguf:{file}")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_file_that_is_not_whole_is_a_user_s_error(
    file: Path, tmp_path: Path, share: float
) -> None:
    whole = file.read_bytes()
    torn = tmp_path / "torn.gguf"
    torn.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ReferenceError_, match=r"torn\.gguf.*too soon"):
        open_teacher(f"gguf:{torn}")


def test_a_file_that_is_no_model_is_a_user_s_error(tmp_path: Path) -> None:
    text = tmp_path / "notes.gguf"
    text.write_text("not a model")
    with pytest.raises(ReferenceError_, match="is not a GGUF file"):
        open_teacher(f"gguf:{text}")
    with pytest.raises(ReferenceError_, match="there is no GGUF file"):
        open_teacher(f"gguf:{tmp_path / 'nothing.gguf'}")

"""`teachback judge`, against a server that judges by a rule that the tests know."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mock_server import Asked, MockServer, Reply, said
from teachback.annotation.explained_items import Explained
from teachback.cli import cli
from teachback.files import (
    manifest,
    read_json,
    read_jsonl,
    write_explanations,
    write_json,
    write_jsonl,
)
from teachback.files.record_files import write_predictions
from teachback.judging.judge_questions import ExplanationPair, both_orders
from teachback.judging.model_families import kinship, model_families, teachers_behind
from teachback.judging.planted_pairs import planted_pairs
from teachback.records import Example, Explanation, Prediction
from teachback.runs.evaluations import write_evaluation

N = 12
CHOICES = ["clouds", "stones"]


def good(number: int) -> str:
    return (
        f"Thing {number} is wet and cold. What is wet comes from where water is. "
        f"Clouds hold water, so thing {number} falls from them."
    )


def weak(number: int) -> str:
    return f"Thing {number} is well known to all. It is from there and from nowhere else at all."


def poor(number: int) -> str:
    return f"It is so since thing {number} is so, and it was so before."


QUALITY: dict[str, Callable[[int], str]] = {"good": good, "weak": weak, "poor": poor}
RANK = {"good": 3, "weak": 2, "poor": 1}


def write_run(folder: Path, quality: str, *, seed: int | None = None) -> None:
    predictions = [
        Prediction(
            id=f"item-{number}",
            gold="clouds",
            answer="clouds",
            correct=True,
            unparsed=False,
            explanation=QUALITY[quality](number),
            explained_answer="clouds",
            explained_correct=True,
        )
        for number in range(N)
    ]
    if seed is None:
        write_predictions(folder / "predictions.jsonl", predictions)
    else:
        folder.mkdir(parents=True)
        write_evaluation(
            folder, {"student": predictions}, {}, "direct", "multiple-choice", seed=seed
        )


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    rows = [
        {
            "id": f"item-{number}",
            "question": f"Where does thing {number} come from?",
            "choices": CHOICES,
            "answer": "clouds",
        }
        for number in range(N)
    ]
    write_jsonl(tmp_path / "data.jsonl", rows)
    for quality in QUALITY:
        write_run(tmp_path / "runs" / f"secret-{quality}", quality)
    return tmp_path


GOOD, WEAK, POOR = (f"runs/secret-{quality}" for quality in QUALITY)


def shown(prompt: str) -> tuple[int, list[str]]:
    """The item's number, and the explanations in a prompt."""
    item = re.search(r"thing (\d+) come", prompt)
    texts = re.findall(
        r"(?:First explanation|Second explanation|Explanation):\s*(.*?)\n", f"{prompt}\n"
    )
    return int(item[1]) if item else -1, texts


def rank(number: int, text: str) -> int:
    return next((RANK[name] for name, write in QUALITY.items() if write(number) == text), 0)


def knowing(asked: Asked) -> Reply:
    """Prefers what is of higher quality; finds only good explanations acceptable."""
    number, texts = shown(asked.prompt)
    if len(texts) == 1:
        yes = number >= 0 and rank(number, texts[0]) == 3
        return said(f"The answer is {'yes' if yes else 'no'}.")
    first, second = (rank(number, text) for text in texts)
    word = "equal" if first == second else "first" if first > second else "second"
    return said(f"The answer is {word}.")


def teachback(*args: str) -> Result:
    return CliRunner().invoke(cli, [*args], prog_name="teachback")


def judge(server: MockServer, *args: str, model: str = "large-judge") -> Result:
    reference = f"openai:{model}@{server.url}"
    return teachback("judge", *args, "--data", "data.jsonl", "--teacher", reference)


def results(folder: str = "judged") -> dict[str, Any]:
    found = read_json(Path(folder) / "results.json")
    assert isinstance(found, dict)
    return found


def test_a_judge_compares_two_runs_blind_and_is_asked_once(place: Path) -> None:
    with MockServer(knowing) as server:
        result = judge(server, GOOD, WEAK, "-o", "judged")
        assert result.exit_code == 0, result.output
        asked = len(server.asked)
        assert asked == 2 * (40 + N)
        assert judge(server, GOOD, WEAK, "-o", "judged").exit_code == 0
        assert len(server.asked) == asked  # all stored
    assert all("secret" not in json.dumps(one.body) for one in server.asked)
    found = results()
    (row,) = found["win_rates"]
    assert (row["win_rate"], row["items"], row["consistent"]) == (1.0, N, 1.0)
    assert (row["first_excess"], row["unparsed"], row["failed"]) == (0.0, 0, 0)
    assert row["p"] == pytest.approx(0.5 ** (N - 1))
    tables = [line for line in result.output.splitlines() if "95%" in line or "right" in line]
    assert all("large-judge" in line for line in tables)
    assert len(list(read_jsonl("judged/judged.jsonl"))) == N
    assert "whether the judge is of its family could not be checked" in result.output


def test_the_win_rate_over_items_is_exact(place: Path) -> None:
    def partial(asked: Asked) -> Reply:
        """Every third item: the first shown, so a tie; otherwise as it knows."""
        number, texts = shown(asked.prompt)
        if number % 3 == 0 and {rank(number, text) for text in texts} == {3, 2}:
            return said("The answer is first.")
        return knowing(asked)

    with MockServer(partial) as server:
        assert judge(server, GOOD, WEAK, "-o", "judged").exit_code == 0
    (row,) = results()["win_rates"]
    assert row["win_rate"] == pytest.approx((8 + 4 / 2) / 12)
    assert row["consistent"] == pytest.approx(8 / 12)
    assert row["first_excess"] == pytest.approx(2 * 4 / 24)
    # By hand: 12 values, 8 ones and 4 halves; t with 11 degrees of freedom.
    half = 2.2009852 * ((8 * (1 / 6) ** 2 + 4 * (1 / 3) ** 2) / 11 / 12) ** 0.5
    assert row["low"] == pytest.approx(10 / 12 - half)


def test_a_judge_that_takes_whatever_stands_first_is_refused(place: Path) -> None:
    with MockServer(lambda _asked: said("The answer is first.")) as server:
        refused = judge(server, GOOD, WEAK, "-o", "judged")
        assert refused.exit_code == 2
        assert "both orders alike: 0 of 40 pairs" in refused.stdout
        line = refused.stderr.strip().splitlines()[-1]  # after the progress
        assert "another-item 0 of 10" in line
        assert "--even-so" in line
        assert len(server.asked) == 80  # no run was judged
        again = judge(server, GOOD, WEAK, "-o", "judged", "--even-so")
        assert again.exit_code == 0, again.output
        assert len(server.asked) == 80 + 2 * N
    assert "warning: the judge failed its self-test" in again.output
    found = results()
    assert found["even_so"]
    (row,) = found["win_rates"]
    assert (row["win_rate"], row["p"], row["consistent"]) == (0.5, 1.0, 0.0)
    assert row["first_excess"] == 1.0


def test_a_judge_blind_to_one_kind_of_damage_is_refused(place: Path) -> None:
    def long(asked: Asked) -> Reply:
        _, texts = shown(asked.prompt)
        padded = [one.startswith("This is a question that") for one in texts]
        if any(padded):
            return said(f"The answer is {'first' if padded[0] else 'second'}.")
        return knowing(asked)

    with MockServer(long) as server:
        refused = judge(server, GOOD, WEAK, "-o", "judged")
    assert refused.exit_code == 2
    assert "truncated 10 of 10" in refused.stderr
    assert "padded 0 of 10" in refused.stderr


def test_a_kind_of_damage_that_cannot_be_made_is_not_measured(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Statements are turned into their opposite in English alone."""

    def german(number: int) -> str:
        return f"Ding {number} kommt aus den Wolken, denn nur von dort kommt Regen auf die Erde."

    monkeypatch.setitem(QUALITY, "good", german)
    write_run(place / "runs/german", "good")
    with MockServer(knowing) as server:
        result = judge(server, "runs/german", WEAK, "-o", "judged")
        assert result.exit_code == 0, result.output
        assert "the self-test did not measure contradicted pairs" in result.output
        assert re.search(r"contradicted +not measured", result.output)
    assert not results()["even_so"]
    with MockServer(lambda _asked: said("The answer is first.")) as server:
        refused = judge(server, "runs/german", WEAK, "-o", "other")
    assert refused.exit_code == 2
    assert "padded 0 of 10" in refused.stderr
    assert "contradicted not measured" in refused.stderr


def test_what_cannot_be_read_is_counted_apart(place: Path) -> None:
    def mute(asked: Asked) -> Reply:
        number, texts = shown(asked.prompt)
        if number == 3 and {rank(number, text) for text in texts} == {3, 2}:
            return said("That is a matter of taste.")
        return knowing(asked)

    with MockServer(mute) as server:
        result = judge(server, GOOD, WEAK, "-o", "judged")
    assert "2 unparsed replies, 1 items left out" in result.output
    (row,) = results()["win_rates"]
    assert (row["win_rate"], row["items"], row["left_out"], row["unparsed"]) == (1.0, N - 1, 1, 2)


def test_identical_explanations_are_ties_that_cost_nothing(place: Path) -> None:
    write_run(place / "runs/copy", "good")
    with MockServer(knowing) as server:
        assert judge(server, GOOD, "runs/copy", "-o", "judged").exit_code == 0
        assert len(server.asked) == 80
    (row,) = results()["win_rates"]
    assert (row["win_rate"], row["same_text"], row["consistent"]) == (0.5, N, None)


def test_criteria_are_asked_one_at_a_time(place: Path) -> None:
    with MockServer(knowing) as server:
        result = judge(server, GOOD, WEAK, "--mode", "rate", "-o", "judged")
        assert result.exit_code == 0, result.output
        own = server.asked[80:]
    assert len(own) == 2 * 6 * N
    alone = [one.prompt for one in own if "stated" in one.prompt or "everything" in one.prompt]
    assert alone
    assert not any("Question asked" in prompt for prompt in alone)
    found = results()
    shares = {(row["criterion"], row["system"]): row["share"] for row in found["criteria"]}
    assert shares["acceptable", GOOD] == 1.0
    assert shares["acceptable", WEAK] == 0.0
    (row,) = [one for one in found["differences"] if one["criterion"] == "acceptable"]
    assert (row["difference"], row["items"]) == (1.0, N)


def test_three_systems_get_strengths(place: Path) -> None:
    def noisy(asked: Asked) -> Reply:
        number, texts = shown(asked.prompt)
        ranks = [rank(number, text) for text in texts]
        if min(ranks) and number % 4 == 0:  # the other way round on every fourth item
            return said(f"The answer is {'second' if ranks[0] > ranks[1] else 'first'}.")
        return knowing(asked)

    with MockServer(noisy) as server:
        result = judge(server, GOOD, WEAK, POOR, "-o", "judged")
    assert result.exit_code == 0, result.output
    strengths = results()["strengths"]["strengths"]
    assert strengths[0] > strengths[1] > strengths[2]
    assert sum(strengths) == pytest.approx(0)
    assert "strength (log-odds)" in result.output
    rows = results()["win_rates"]
    assert len(rows) == 3
    # Three alike: 9 of 12 won, 3 lost, and each p times three.
    assert [row["win_rate"] for row in rows] == [0.75, 0.75, 0.75]
    assert rows[0]["p_holm"] == pytest.approx(min(1, 3 * rows[0]["p"]))
    assert "after Holm" in result.output


def test_it_is_said_why_there_are_no_strengths(place: Path) -> None:
    def mute(asked: Asked) -> Reply:
        number, texts = shown(asked.prompt)
        if {rank(number, text) for text in texts} == {2, 1}:
            return said("That is a matter of taste.")
        return knowing(asked)

    with MockServer(knowing) as server:
        won = judge(server, GOOD, WEAK, POOR, "-o", "won")
    assert "won or lost all comparisons with the others" in won.output
    with MockServer(mute) as server:
        unread = judge(server, GOOD, WEAK, POOR, "-o", "unread")
    assert "not measurable (there is no item of which every pair could be read)" in unread.output
    assert results("unread")["strengths_items"] == 0


def test_seeds_pair_the_systems(place: Path) -> None:
    for seed, quality in enumerate(["weak", "weak", "good"]):
        write_run(place / f"runs/a/{seed}", "good", seed=seed)
        write_run(place / f"runs/b/{seed}", quality, seed=seed)
    write_run(place / "runs/c/7", "weak", seed=7)
    with MockServer(knowing) as server:
        assert judge(server, "runs/a", "runs/b", "-o", "judged").exit_code == 0
        (row,) = results()["win_rates"]
        assert (row["seeds"], row["same_text"]) == (3, N)
        assert row["win_rate"] == pytest.approx((1 + 1 + 0.5) / 3)
        assert row["low"] < 0.6  # seeds differ, so they widen the interval; items alone do not
        refused = judge(server, "runs/a", "runs/c", "-o", "other")
    assert refused.exit_code == 2
    assert "compare runs of the same seeds" in refused.stderr


def test_people_and_judge_together(place: Path) -> None:
    def partial(asked: Asked) -> Reply:
        number, texts = shown(asked.prompt)
        ranks = [rank(number, text) for text in texts]
        if min(ranks) and number in (2, 5, 9):
            return said(f"The answer is {'second' if ranks[0] > ranks[1] else 'first'}.")
        return knowing(asked)

    def row(number: int, preferred: str, **other: object) -> dict[str, object]:
        shown_as = [GOOD, WEAK] if number % 2 else [WEAK, GOOD]
        return {
            "annotator": "ann",
            "item": f"item-{number}",
            "systems": shown_as,
            "planted": None,
            "answers": {"preferred": preferred},
            **other,
        }

    # GOOD is A where the number is odd.
    people = [row(1, "a"), row(2, "a"), row(3, "a"), row(4, "b"), row(5, "b"), row(6, "both-bad")]
    write_jsonl(place / "people.jsonl", [*people, row(7, "b", planted="repeat")])
    with MockServer(partial) as server:
        result = judge(server, GOOD, WEAK, "--people", "people.jsonl", "-o", "judged")
        assert result.exit_code == 0, result.output
        write_jsonl(place / "bad.jsonl", [row(1, "a", systems=["x", WEAK])])
        bad = judge(server, GOOD, WEAK, "--people", "bad.jsonl", "-o", "judged")
    assert bad.exit_code == 2
    assert "bad.jsonl, line 1" in bad.stderr
    (found,) = results()["people"]
    powered = found["powered"]
    # People: 1 0 1 1 0 ½; judge: 1 0 1 1 0 1 there and 1 1 0 1 1 1 on the other items.
    assert (powered["n_labelled"], powered["n_unlabelled"]) == (6, 6)
    assert powered["people_mean"] == pytest.approx(3.5 / 6)
    # cov = (3.5 - 3.5 * 4 / 6) / 5 = 7/30; var of all twelve = 12 * 3/4 * 1/4 / 11 = 9/44
    assert powered["weight"] == pytest.approx((7 / 30) / ((1 + 6 / 6) * 9 / 44))
    assert powered["mean"] == pytest.approx(3.5 / 6 + powered["weight"] * (5 / 6 - 4 / 6))
    assert "saved" in result.output


def test_people_and_judge_together_count_groups_as_the_units(place: Path) -> None:
    rows = [row for _, row in read_jsonl(place / "data.jsonl")]
    write_jsonl(
        place / "data.jsonl",
        [{**row, "group": f"story {number // 2}"} for number, row in enumerate(rows)],
    )
    people = [
        {"annotator": "ann", "item": f"item-{number}", "systems": [GOOD, WEAK], "answers": said_of}
        for number, said_of in enumerate({"preferred": letter} for letter in "aabbaa")
    ]
    write_jsonl(place / "people.jsonl", people)
    with MockServer(knowing) as server:
        result = judge(server, GOOD, WEAK, "--people", "people.jsonl", "-o", "judged")
        assert result.exit_code == 0, result.output
        write_jsonl(place / "one-group.jsonl", people[:2])
        refused = judge(server, GOOD, WEAK, "--people", "one-group.jsonl", "-o", "judged")
    powered = results()["people"][0]["powered"]
    # 1 1, 0 0, 1 1: the groups' sums of deviations from 2/3 are 2/3, -4/3, 2/3; t with 2.
    half = 4.3026527 * (3 / 2 * (24 / 9) / 36) ** 0.5
    assert (powered["people_low"], powered["people_high"]) == pytest.approx(
        (2 / 3 - half, 2 / 3 + half)
    )
    assert refused.exit_code == 2
    assert "two items (of two groups" in refused.stderr


def test_with_people_a_rating_counts_once_all_seeds_are_judged(place: Path) -> None:
    """The difference of an item is over the seeds of both systems, or the item is left out."""
    for seed, quality in enumerate(["good", "weak"]):
        write_run(place / f"runs/a/{seed}", quality, seed=seed)
        write_run(place / f"runs/b/{seed}", "poor", seed=seed)

    def mute(asked: Asked) -> Reply:
        number, texts = shown(asked.prompt)
        if len(texts) == 1 and number == 3 and texts[0] == weak(3):
            return said("That is a matter of taste.")
        return knowing(asked)

    write_jsonl(
        place / "people.jsonl",
        [
            {
                "annotator": "ann",
                "item": f"item-{number}",
                "systems": [system],
                "answers": {"acceptable": "yes" if system == "runs/a" else "no"},
            }
            for number in (2, 3, 4)
            for system in ("runs/a", "runs/b")
        ],
    )
    with MockServer(mute) as server:
        args = ("runs/a", "runs/b", "--mode", "rate", "--people", "people.jsonl")
        result = judge(server, *args, "-o", "judged")
    assert result.exit_code == 0, result.output
    (row,) = results()["people"]
    assert (row["powered"]["n_labelled"], row["powered"]["n_unlabelled"]) == (2, N - 3)
    (own,) = [one for one in results()["differences"] if one["criterion"] == "acceptable"]
    assert own["items"] == N - 1


@pytest.mark.parametrize(
    ("judge_model", "words"),
    [
        ("gpt-4o", "is the teacher of what it judges"),
        ("gpt-4.1-mini", "is of the family of the teacher gpt-4o"),
        ("qwen3-32b", None),
    ],
)
def test_a_judge_of_the_teacher_s_family_is_warned_of(
    place: Path, judge_model: str, words: str | None
) -> None:
    for quality in ("good", "weak"):
        write_explanations(
            place / f"teacher-{quality}/explanations.jsonl",
            [
                Explanation(
                    f"item-{number}", "cote", 0, "gpt-4o", QUALITY[quality](number), "clouds"
                )
                for number in range(N)
            ],
        )
    with MockServer(knowing) as server:
        result = judge(server, "teacher-good", "teacher-weak", "-o", "judged", model=judge_model)
    assert result.exit_code == 0, result.output
    if words is None:
        assert "warning" not in result.output
    else:
        assert words in result.output


def test_the_teacher_is_known_from_what_a_student_learnt_from(tmp_path: Path) -> None:
    """`train --explanations FILE -o RUN` and then `evaluate RUN DATA -o RUN/test`."""
    file = tmp_path / "explained/explanations.jsonl"
    write_explanations(file, [Explanation("1", "rp", 0, "gpt-4o", "So it is.", "a")])
    write_run(tmp_path / "run/test", "good")
    predictions = tmp_path / "run/test/predictions.jsonl"
    assert teachers_behind(predictions) == set()
    write_json(tmp_path / "run/manifest.json", manifest({"explanations": file}, {"train": 0}))
    assert teachers_behind(predictions) == {"gpt-4o"}


@pytest.mark.parametrize(
    ("family", "models"),
    [
        ("gpt", "gpt-4o o3-mini openai/o1 text-davinci-003 ft:gpt-3.5-turbo-0125:acme::9x chatgpt"),
        ("gpt", "openai/gpt-oss-20b gpt4 ft:davinci-002 azure/gpt-4.1"),
        ("llama", "llama-3.3-70b Meta-Llama-3-8B-Instruct meta-llama/Llama-3-70b meta.llama3-8b"),
        ("llama", "codellama:13b TheBloke/Llama-2-7B-GPTQ ollama/llama3.1"),
        ("mistral", "open-mixtral-8x7b mistral-large open-mistral-nemo mistralai/Codestral-22B"),
        ("claude", "us.anthropic.claude-3-5-sonnet anthropic/claude-opus-4 claude-3-haiku"),
        ("qwen", "Qwen2.5-Coder-0.5B@1a2b3c4d qwen3:8b Qwen/QwQ-32B ollama/qwen3"),
        ("t5", "t5-small google/flan-t5-xl"),
        ("acme", "acme-7b acme-13b@0123abcd someone/Acme2"),
    ],
)
def test_the_family_is_found_wherever_the_name_says_it(family: str, models: str) -> None:
    for model in models.split():
        assert model_families(model) == {family}, model


def test_models_of_one_family_are_kin_and_others_are_not() -> None:
    assert "of the family of the teacher" in kinship("gpt-4o", ["text-davinci-003"])[0]
    assert len(kinship("llama-3.3-70b", ["Meta-Llama-3-8B-Instruct"])) == 1
    assert model_families("DeepSeek-R1-Distill-Qwen-7B") == {"deepseek", "qwen"}
    assert len(kinship("qwen3-32b", ["DeepSeek-R1-Distill-Qwen-7B", "deepseek-r1"])) == 1
    assert kinship("qwen3-32b", ["gpt-4o", "llama-3-70b"]) == []
    assert kinship("meta-llama/Llama-3-70B", ["someone/meta-gpt-4o"]) == []


def test_the_cap_on_costs_stops_and_a_higher_one_continues(place: Path) -> None:
    write = '["large-judge"]\ninput = 1.0\noutput = 1.0\n'
    (place / "prices.toml").write_text(write)
    with MockServer(knowing) as server:
        capped = judge(
            server, GOOD, WEAK, "--prices", "prices.toml", "--max-cost", "0.01", "-o", "judged"
        )
        assert capped.exit_code != 0
        assert "raise --max-cost" in capped.stderr
        before = len(server.asked)
        assert 0 < before < 2 * (40 + N)
        result = judge(
            server, GOOD, WEAK, "--prices", "prices.toml", "--max-cost", "9", "-o", "judged"
        )
        assert result.exit_code == 0, result.output
        assert len(server.asked) == 2 * (40 + N)
        assert "cost: $" in result.output


def test_a_dry_run_asks_nothing(place: Path) -> None:
    with MockServer(knowing) as server:
        result = judge(server, GOOD, WEAK, "--dry-run")
        assert result.exit_code == 0, result.output
        assert server.asked == []
        assert f"still to ask: {2 * (40 + N)} requests" in result.output
        assert judge(server, GOOD, WEAK, "-o", "judged").exit_code == 0
        rest = judge(server, GOOD, WEAK, "--dry-run", "-o", "judged")
        assert "still to ask: 0 requests" in rest.output


def test_a_folder_of_a_different_judging_is_refused_and_kept(place: Path) -> None:
    with MockServer(knowing) as server:
        assert judge(server, GOOD, WEAK, "-o", "judged").exit_code == 0
        before = results()
        refused = judge(server, GOOD, POOR, "-o", "judged")
        assert refused.exit_code == 2
        assert f"it judges {GOOD}, {WEAK}; choose a different folder" in refused.stderr
        assert results() == before
        asked = len(server.asked)
        assert judge(server, GOOD, POOR, "-o", "judged", "--overwrite").exit_code == 0
        assert len(server.asked) == asked + 2 * N  # the self-test's replies were kept
        write_run(place / POOR, "weak")
        changed = judge(server, GOOD, POOR, "-o", "judged")
        assert changed.exit_code == 2
        assert "the explanations, the questions" in changed.stderr


def test_one_run_cannot_be_preferred(place: Path) -> None:
    with MockServer(knowing) as server:
        refused = judge(server, GOOD, "-o", "judged")
        assert refused.exit_code == 2
        assert "--mode rate" in refused.stderr
        assert judge(server, GOOD, "--mode", "rate", "-o", "judged").exit_code == 0


def test_planted_pairs_are_what_they_say() -> None:
    examples = [Example(f"{n}", f"Where does thing {n} come from?", "a", "text") for n in range(15)]
    explanations = {f"{n}": Explained(good(n), "clouds") for n in range(15)}
    planted = planted_pairs(examples, explanations, seed=1)
    assert planted == planted_pairs(examples, explanations, seed=1)
    assert planted != planted_pairs(examples, explanations, seed=2)
    by_kind: dict[str, list[ExplanationPair]] = {}
    for one in planted:
        by_kind.setdefault(one.kind, []).append(one.pair)
    assert {kind: len(pairs) for kind, pairs in by_kind.items()} == dict.fromkeys(
        ("another-item", "truncated", "contradicted", "padded"), 10
    )
    for pair in by_kind["another-item"]:
        assert pair.b.text in {good(n) for n in range(15)} - {pair.a.text}
    for pair in by_kind["truncated"]:
        assert pair.a.text.startswith(pair.b.text)
        assert len(pair.b.text.split()) == len(pair.a.text.split()) // 2
    for pair in by_kind["contradicted"]:
        assert pair.b.text.replace(" not", "", 1) == pair.a.text
    for pair in by_kind["padded"]:
        assert pair.a.text in pair.b.text


def test_a_pair_is_asked_in_both_orders_with_the_same_words() -> None:
    item = Example("1", "Which?", "x", "multiple-choice", ("x", "y"))
    pair = ExplanationPair("p", item, Explained("One.", "x"), Explained("Two.", None))
    first, second = both_orders(pair)
    assert first.question.index("One.") < first.question.index("Two.")
    assert second.question.index("Two.") < second.question.index("One.")
    assert sorted(first.question.split()) == sorted(second.question.split())
    assert "(A)" not in first.question

"""The desk: the embedded task of the demo, and all that ships with it.

Customers return goods; a written policy decides. The teacher has the policy in its prompt,
the student never sees it. Cases come from a seeded generator, gold labels from a rule
engine, explanations from recordings (whose, and how: ``bench/desk/README.md``).
"""

from __future__ import annotations

from pathlib import Path

from teachback.datasets import write_examples
from teachback.desk.cases import MOST_CASES, TEST_SEED, TRAIN_SEED, Case, cases
from teachback.desk.policy import LABELS, POLICY, Decision, Facts, decide
from teachback.desk.rule_explanations import RULE_ENGINE, rule_explanation, rule_reply
from teachback.exemplars import read_exemplars
from teachback.files import new_folder, one_writer, write_text
from teachback.records import Example, Exemplar

__all__ = [
    "LABELS",
    "MOST_CASES",
    "POLICY",
    "RULE_ENGINE",
    "RULE_ENGINE_CASES",
    "TEST_SEED",
    "TRAIN_SEED",
    "Case",
    "Decision",
    "Facts",
    "cases",
    "decide",
    "exemplars",
    "exemplars_file",
    "recording_files",
    "rule_explanation",
    "rule_reply",
    "test_cases",
    "train_cases",
    "write_task",
]

RULE_ENGINE_CASES = 480
"""How many training cases, from the first on, the rule engine's recording covers."""

_HERE = Path(__file__).parent


def train_cases(n: int = RULE_ENGINE_CASES) -> list[Example]:
    """The first ``n`` training cases: ``desk-00000`` and so on. Raises UsageError as `cases`."""
    return [case.example for case in cases(n, TRAIN_SEED, "train")]


def test_cases(n: int = 200) -> list[Example]:
    """The first ``n`` held-out cases: ``desk-test-00000`` and so on; none is a training case.

    Raises UsageError as `cases`.
    """
    return [case.example for case in cases(n, TEST_SEED, "test")]


def exemplars_file() -> Path:
    """The hand-written exemplars, a dataset with explanations."""
    return _HERE / "exemplars.jsonl"


def exemplars() -> tuple[Exemplar, ...]:
    """Eight exemplars written by hand, in the order in which a prompt shows them."""
    return tuple(read_exemplars(exemplars_file()))


def recording_files(teacher: str = RULE_ENGINE) -> list[Path]:
    """The shipped recordings of ``teacher``, COTE before RP, for ``recorded:FILE,FILE``.

    ``rule-engine``: the rule engine's own explanations of the first `RULE_ENGINE_CASES`
    training cases, no model's work. ``qwen2.5-coder-1.5b-instruct``: what that model managed
    on the first of them; ``bench/desk/README.md`` says how much of it is right.
    """
    return sorted((_HERE / "recordings").glob(f"{teacher}.*.jsonl"))


def write_task(folder: Path, n_train: int, n_test: int, *, overwrite: bool = False) -> list[str]:
    """Write the whole task as files: ``train.jsonl``, ``test.jsonl``, the rule engine's recording,
    and what a large model would be asked with, ``policy.txt`` and ``exemplars.jsonl``.

    Returns their names.

    Raises:
        RunFolderError: one of them is there already.
        UsageError: more cases than the desk has (`MOST_CASES`).
    """
    train, test = train_cases(n_train), test_cases(n_test)
    texts = {
        **{file.name: file.read_text("utf-8") for file in recording_files()},
        "policy.txt": f"{POLICY}\n",
        "exemplars.jsonl": exemplars_file().read_text("utf-8"),
    }
    names = ["train.jsonl", "test.jsonl", *texts]
    with one_writer(folder):
        new_folder(folder, overwrite, names=names)
        write_examples(folder / "train.jsonl", train)
        write_examples(folder / "test.jsonl", test)
        for name, text in texts.items():
            write_text(folder / name, text)
    return names

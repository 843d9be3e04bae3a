"""Uploading a student, to a stand-in of the hub that keeps what it is sent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from exported import KEYS, questions, student
from hub_server import HubServer

NAME = "ada/colours"


def push(folder: Path, hub: HubServer | str, *args: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the hub's client reads its address once, when it is imported."""
    command = ["push", str(student(folder, "llama")), NAME, "-o", str(folder / "out"), *KEYS]
    command += ["--check", str(questions(folder)), *args]
    address = hub if isinstance(hub, str) else hub.address
    environment = {**os.environ, "HF_ENDPOINT": address, "HF_TOKEN": "hf_test", "NO_PROXY": "*"}
    environment |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"}
    return subprocess.run(
        [sys.executable, "-m", "teachback", *command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_what_is_uploaded(tmp_path: Path) -> None:
    with HubServer() as hub:
        done = push(tmp_path, hub)
        assert done.returncode == 0, done.stderr
        assert hub.created[0]["visibility"] == "private"
        assert f"{hub.created[0]['organization']}/{hub.created[0]['name']}" == NAME
        names = {file.name for file in (tmp_path / "out").iterdir()} - {"lock"}
        assert set(hub.files) == names
        assert {"README.md", "model.safetensors", "parity.json", "config.json"} <= names
        for name, content in hub.files.items():
            assert content == (tmp_path / "out" / name).read_bytes()
            assert str(tmp_path).encode() not in content, name
    assert set(hub.cards) == {str(ModelCard(hub.files["README.md"].decode()))}
    card = ModelCard(hub.files["README.md"].decode())
    assert card.data.library_name == "transformers"
    assert card.data.pipeline_tag == "text-generation"
    assert "base_model" not in card.data.to_dict()  # a folder of this machine is none of the hub's
    assert f'from_pretrained("{NAME}")' in card.text
    assert "changed direct answers" in card.text


@pytest.mark.slow
def test_a_dry_run_uploads_nothing_and_says_what_it_would(tmp_path: Path) -> None:
    with HubServer() as hub:
        done = push(tmp_path, hub, "--dry-run")
        assert (done.returncode, hub.created, hub.files) == (0, [], {}), done.stderr
    assert "model.safetensors: " in done.stdout
    assert (tmp_path / "out" / "README.md").is_file()


@pytest.mark.parametrize(
    ("refuse", "bad_card", "told"),
    [
        (401, False, "set HF_TOKEN"),
        (503, False, "the model hub answered 503"),
        (None, True, "the model hub refuses the card"),
        (0, False, "the upload did not succeed"),
    ],
)
@pytest.mark.slow
def test_refusals_are_one_line(
    refuse: int | None, bad_card: bool, told: str, tmp_path: Path
) -> None:
    with HubServer(refuse, bad_card) as hub:
        # Nobody listens at the last one's address.
        done = push(tmp_path, "http://127.0.0.1:9" if refuse == 0 else hub)
    assert done.returncode == 2
    assert told in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr

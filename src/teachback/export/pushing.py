"""Uploading an export to the model hub, through the hub's own client."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from teachback.errors import DataError, UsageError
from teachback.modelfiles.header import one_line
from teachback.system.launch import is_offline
from teachback.system.telemetry import no_telemetry

_REPOSITORY = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}", re.ASCII)


def require_repository(name: str) -> None:
    """Raise UsageError where ``name`` is not OWNER/NAME."""
    if not _REPOSITORY.fullmatch(name):
        raise UsageError(
            f"{name!r} is not a repository's name: write OWNER/NAME, as in ada/my-model"
        )


def upload_list(folder: Path, names: Sequence[str]) -> list[tuple[str, int]]:
    """What is uploaded of ``folder``: (name, bytes)."""
    return [(name, (folder / name).stat().st_size) for name in names]


def upload(folder: Path, names: Sequence[str], repository: str, *, private: bool) -> str:
    """Upload the files ``names`` of ``folder`` to the model repository, which is made where it is
    not there; returns its address. A repository that is there keeps its visibility.

    Raises:
        DataError: the hub's check refuses the card.
        UsageError: offline, no token, no right, or the hub cannot be reached.
    """
    if is_offline():
        raise UsageError("TEACHBACK_OFFLINE forbids uploading: unset it, or give --dry-run")
    with no_telemetry():
        from huggingface_hub import HfApi, ModelCard
        from huggingface_hub.errors import HfHubHTTPError

    hub = HfApi()
    try:
        _require_valid(ModelCard.load(folder / "README.md"))
        address = hub.create_repo(repository, private=private, exist_ok=True)
        hub.upload_folder(
            repo_id=repository,
            folder_path=folder,
            allow_patterns=list(names),
            commit_message="A student of teachback",
        )
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise UsageError(
                f"the model hub does not let you write to {repository}: set HF_TOKEN to a token "
                "that may write there"
            ) from error
        raise UsageError(f"the model hub answered {status}: {one_line(error)}") from error
    except DataError:
        raise
    except Exception as error:  # of the client's HTTP library, which changes with its versions
        raise UsageError(
            f"the upload did not succeed ({one_line(error)}); {folder} is complete: run the "
            "command again with --overwrite"
        ) from error
    return str(address)


def _require_valid(card: Any) -> None:
    """The hub's own check of a card, before anything is made there."""
    try:
        card.validate()
    except ValueError as error:
        raise DataError(f"the model hub refuses the card: {one_line(error)}") from error

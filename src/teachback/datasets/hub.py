"""Datasets of the Hugging Face hub: ``hf:owner/name[/config][:split]`` to local files."""

from __future__ import annotations

import re
from pathlib import Path

from teachback.errors import DataError, MissingExtraError
from teachback.references import HubDatasetReference
from teachback.system.launch import OFFLINE_SWITCH, is_offline
from teachback.system.telemetry import no_telemetry

# The hub converts every public dataset to Parquet, on a branch of its own, as
# CONFIG/SPLIT/0000.parquet.
_BRANCH = "refs/convert/parquet"
_FILE = re.compile(r"(?P<config>[^/]+)/(?P<split>[^/]+)/\d+\.parquet")


def hub_files(reference: HubDatasetReference) -> list[Path]:
    """The Parquet files of a hub dataset, in order, downloaded to the hub's cache.

    The config and the split may be left out where the dataset has only one. A split is
    never guessed: it would be too easy to evaluate on the training rows.

    Raises:
        DataError: the hub has no such dataset, several configs or splits are meant by it,
            or no hub can be reached.
        MissingExtraError: huggingface_hub is not installed.
    """
    if is_offline():
        raise DataError(f"{reference}: {OFFLINE_SWITCH} is set, so the hub is not contacted")
    try:
        with no_telemetry():
            from huggingface_hub import HfApi
            from huggingface_hub.errors import GatedRepoError, HfHubHTTPError
    except ImportError:
        raise MissingExtraError("huggingface_hub", "parquet", f"reading {reference}") from None
    api = HfApi()
    try:
        # One request with a time limit; listing the files proper would be tried for half a minute.
        siblings = api.dataset_info(reference.repository, revision=_BRANCH, timeout=20).siblings
        names = [sibling.rfilename for sibling in siblings or ()]
        chosen = _chosen(reference, names)
        return [
            Path(
                api.hf_hub_download(
                    reference.repository, name, revision=_BRANCH, repo_type="dataset"
                )
            )
            for name in chosen
        ]
    except DataError:
        raise
    except GatedRepoError:
        raise DataError(
            f"{reference} is gated: accept its terms on the hub, then run `hf auth login`"
        ) from None
    except HfHubHTTPError as error:
        if error.response.status_code in (401, 404):
            raise DataError(
                f"{reference}: the hub has no such dataset, or no Parquet version of it"
            ) from None
        raise DataError(
            f"{reference}: the hub answered {error.response.status_code}: try again later, "
            "or pass a downloaded file"
        ) from error
    # Whatever else the client and its transport raise (their classes changed with each major
    # version), it means the same to the user.
    except Exception as error:
        raise DataError(
            f"{reference}: the hub cannot be reached ({type(error).__name__}): "
            "download the dataset elsewhere and pass the file"
        ) from error


def _chosen(reference: HubDatasetReference, names: list[str]) -> list[str]:
    """The files of the one config and split that ``reference`` means."""
    found = [match for name in sorted(names) if (match := _FILE.fullmatch(name))]
    for what, wanted in (("config", reference.config), ("split", reference.split)):
        there = sorted({match[what] for match in found})
        if wanted is None and len(there) > 1:
            form = "hf:owner/name/CONFIG" if what == "config" else ":SPLIT at the end"
            raise DataError(
                f"{reference} has several {what}s: name one of {', '.join(there)} ({form})"
            )
        found = [match for match in found if wanted in (None, match[what])]
        if not found:
            listed = f": it has {', '.join(there)}" if there else ""
            raise DataError(f"{reference} has no such {what} in Parquet{listed}")
    return [match.group() for match in found]

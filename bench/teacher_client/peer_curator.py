"""The same requests through bespokelabs-curator; run by the interpreter of its own venv.

    python -m venv VENV && VENV/bin/pip install bespokelabs-curator
    VENV/bin/python -m bench.teacher_client.peer_curator ROWS.jsonl URL CONCURRENCY FOLDER

Its own rate limits are set so high that they never bind. A second run with the same FOLDER
resumes from its cache.
"""

from __future__ import annotations

import argparse
import json
import os
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

# Read when the package is imported, so before that.
SWITCHED_OFF = {
    "TELEMETRY_ENABLED": "false",  # curator's messages to PostHog
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # litellm's download of its price table
    "CURATOR_DISABLE_RICH_DISPLAY": "1",  # a live table redrawn on the terminal
    "HF_HUB_OFFLINE": "1",
}
NO_LIMIT = 1_000_000_000  # requests or tokens a minute
REMARKS = (
    "switched off are its telemetry (PostHog), litellm's download of a price table, the live table "
    "on the terminal and the model hub; its limits of requests and tokens a minute are set to "
    "10^9; tiktoken's vocabulary comes from the copy in litellm and not from the network. Its "
    "cache is on, in a folder of its own. Its counting of every prompt's tokens cannot be switched "
    "off. Before its first request it sends an empty one to read rate limits from the reply's "
    "header, also when it resumes; that one is not counted."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=Path, help="the prompts, as bench.teacher_client.run writes")
    parser.add_argument("url", help="the server's address up to and including /v1")
    parser.add_argument("concurrency", type=int)
    parser.add_argument("folder", type=Path, help="for its cache, and replies.json at the end")
    options = parser.parse_args()
    os.environ.update(SWITCHED_OFF, OPENAI_API_KEY="none")
    # Curator counts tokens with tiktoken, which would download its vocabulary; litellm, which
    # curator installs, ships the same file under the name that tiktoken looks for.
    found = find_spec("litellm")
    assert found is not None
    assert found.origin is not None
    tokenizers = Path(found.origin).parent / "litellm_core_utils" / "tokenizers"
    os.environ["TIKTOKEN_CACHE_DIR"] = str(tokenizers)
    from bespokelabs import curator

    class Explainer(curator.LLM):  # type: ignore[misc]
        def prompt(self, row: dict[str, str]) -> list[dict[str, str]]:
            return [
                {"role": "system", "content": row["system"]},
                {"role": "user", "content": row["user"]},
            ]

        def parse(self, row: dict[str, str], response: str) -> dict[str, str]:
            return {"id": row["id"], "text": response}

    explainer = Explainer(
        model_name="mock",
        backend="openai",
        generation_params={"temperature": 0.0, "max_tokens": 512},
        backend_params={
            "base_url": options.url,
            "max_requests_per_minute": NO_LIMIT,
            "max_tokens_per_minute": NO_LIMIT,
            "max_concurrent_requests": options.concurrency,
        },
    )
    with options.rows.open(encoding="utf-8") as lines:
        asked = [json.loads(line) for line in lines]
    replies = explainer(asked, working_dir=str(options.folder)).dataset
    whole = sum(bool(reply["text"]) for reply in replies)
    outcome = {"replies": whole, "version": version("bespokelabs-curator")}
    (options.folder / "replies.json").write_text(json.dumps(outcome))


if __name__ == "__main__":
    main()

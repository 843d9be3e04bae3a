"""The same requests through distilabel; run by the interpreter of its own venv.

    python -m venv VENV && VENV/bin/pip install "distilabel[openai]" requests
    VENV/bin/python -m bench.teacher_client.peer_distilabel ROWS.jsonl URL CONCURRENCY FOLDER

It has no rate limit. It asks a batch at once and waits for the whole batch, so the concurrency
is the size of a batch. A second run with the same FOLDER resumes from its cache.
"""

from __future__ import annotations

import argparse
import json
import os
from importlib.metadata import version
from pathlib import Path

SWITCHED_OFF = {
    "DISTILABEL_LOG_LEVEL": "WARNING",  # otherwise it prints a line for every request
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
REMARKS = (
    "switched off are its log below warnings (otherwise a line for every request) and the model "
    "hub; it has no telemetry and no rate limits of its own, and needs no tokenizer for this. Its "
    "cache is on, in a folder of its own. It asks in batches of the concurrency and waits for a "
    "whole batch. It needs the package requests without declaring it."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=Path, help="the prompts, as bench.teacher_client.run writes")
    parser.add_argument("url", help="the server's address up to and including /v1")
    parser.add_argument("concurrency", type=int)
    parser.add_argument("folder", type=Path, help="for its cache, and replies.json at the end")
    options = parser.parse_args()
    os.environ.update(SWITCHED_OFF, DISTILABEL_CACHE_DIR=str(options.folder / "cache"))
    from distilabel.models.llms import OpenAILLM
    from distilabel.pipeline import Pipeline
    from distilabel.steps import LoadDataFromDicts
    from distilabel.steps.tasks import TextGeneration

    with options.rows.open(encoding="utf-8") as lines:
        asked = [json.loads(line) for line in lines]
    with Pipeline(name="explain", cache_dir=options.folder / "cache") as pipeline:
        load = LoadDataFromDicts(
            data=[{"id": row["id"], "instruction": row["user"]} for row in asked],
            batch_size=options.concurrency,
        )
        explain = TextGeneration(
            llm=OpenAILLM(
                model="mock",
                base_url=options.url,
                api_key="none",
                generation_kwargs={"temperature": 0.0, "max_new_tokens": 512},
            ),
            system_prompt=asked[0]["system"],
            input_batch_size=options.concurrency,
        )
        load >> explain
    replies = pipeline.run(use_cache=True)["default"]["train"]
    whole = sum(bool(reply) for reply in replies["generation"])
    outcome = {"replies": whole, "version": version("distilabel")}
    (options.folder / "replies.json").write_text(json.dumps(outcome))


if __name__ == "__main__":
    main()

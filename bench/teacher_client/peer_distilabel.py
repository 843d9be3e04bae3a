"""The same requests through distilabel; run by the interpreter of its own venv.

    python -m venv VENV && VENV/bin/pip install "distilabel[openai]" requests
    VENV/bin/python bench/teacher_client/peer_distilabel.py ROWS.jsonl URL CONCURRENCY FOLDER

It has no rate limit. It asks a batch at once and waits for the whole batch, so the concurrency
is the size of a batch. A second run with the same FOLDER resumes from its cache.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

SWITCHED_OFF = {
    "DISTILABEL_LOG_LEVEL": "WARNING",  # else it prints a line for every request
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
REMARKS = (
    "switched off are its log below warnings (else a line for every request) and the model hub; "
    "it has no telemetry and no rate limits of its own, and needs no tokenizer for this. Its cache "
    "is on, in a folder of its own. It asks in batches of the concurrency and waits for a whole "
    "batch. It needs the package requests without saying so."
)


def main() -> None:
    rows, url, concurrency, folder = sys.argv[1:]
    os.environ.update(SWITCHED_OFF, DISTILABEL_CACHE_DIR=str(Path(folder, "cache")))
    from distilabel.models.llms import OpenAILLM
    from distilabel.pipeline import Pipeline
    from distilabel.steps import LoadDataFromDicts
    from distilabel.steps.tasks import TextGeneration

    with open(rows, encoding="utf-8") as lines:
        asked = [json.loads(line) for line in lines]
    batch = int(concurrency)
    with Pipeline(name="explain", cache_dir=Path(folder, "cache")) as pipeline:
        load = LoadDataFromDicts(
            data=[{"id": row["id"], "instruction": row["user"]} for row in asked],
            batch_size=batch,
        )
        explain = TextGeneration(
            llm=OpenAILLM(
                model="mock",
                base_url=url,
                api_key="none",
                generation_kwargs={"temperature": 0.0, "max_new_tokens": 512},
            ),
            system_prompt=asked[0]["system"],
            input_batch_size=batch,
        )
        load >> explain
    replies = pipeline.run(use_cache=True)["default"]["train"]
    whole = sum(bool(reply) for reply in replies["generation"])
    told = {"replies": whole, "version": version("distilabel")}
    Path(folder, "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()

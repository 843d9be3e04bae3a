"""A student in a GGUF file, asked through llama.cpp as `teachback.students.answering` asks one.

llama.cpp gives the probability of a token that it generates, whatever made it choose that one: a
text is scored by making it generate each token in turn. One pass reads a token for each of several
questions in hardly more time than for one, so several are asked at once.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from urllib.parse import urlsplit

from teachback.errors import ReferenceError_
from teachback.records import Role
from teachback.students.card import StudentCard
from teachback.students.encoding import CausalTokenizer
from teachback.students.generated import GeneratedText, Performed
from teachback.system.machine import computing_threads

_CERTAIN = 1e5
"""Added to a token's logit: it is generated whatever the others' are."""
_LISTED = 1000
"""Among so many of the likeliest tokens, several that may follow are looked for at once."""


class LlamaCppStudent:
    """``encoder`` makes the tokens; ``at_once``: how many questions llama.cpp works at together.

    Raises ReferenceError_ where llama.cpp cannot load the file.
    """

    def __init__(self, file: Path, encoder: CausalTokenizer, *, at_once: int = 8) -> None:
        import xllamacpp

        self.encoder = encoder
        self.card: StudentCard = encoder.card
        card = self.card
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(file)
        longest = card.max_source_tokens + card.max_target_tokens + 256
        parameters.n_ctx = at_once * longest
        parameters.n_parallel = at_once
        # Keep all that was read, also in layers with a window: otherwise the last tokens of a
        # question are read again for every token that is scored behind it.
        parameters.swa_full = True
        parameters.n_ctx_checkpoints = 0
        parameters.verbosity = -1
        parameters.cpuparams.n_threads = computing_threads()
        try:
            self._server: Any = xllamacpp.Server(parameters)
        except Exception as error:  # of the binding's own making
            raise ReferenceError_(f"{file}: llama.cpp cannot load it ({error})") from error
        self._at_once = at_once
        self._slots: SimpleQueue[int] = SimpleQueue()
        """Those of llama.cpp's places for a question that are free."""
        for slot in range(at_once):
            self._slots.put(slot)

    def same_tokens(self, left: str, right: str) -> bool:
        return self.encoder.same_tokens(left, right)

    def perform(
        self,
        sources: Sequence[str],
        targets: Sequence[Sequence[str]],
        limits: Mapping[Role, int],
        batch_size: int,
    ) -> Iterator[tuple[int, Performed]]:
        """As `teachback.students.model.StudentModel.perform`. The seconds of a question count those
        that it shared with others."""

        def one(source: str, own: Sequence[str]) -> Performed:
            slot = self._slots.get()
            try:
                return self._performed(slot, source, own, limits)
            finally:
                self._slots.put(slot)

        with ThreadPoolExecutor(min(batch_size, self._at_once)) as threads:
            yield from enumerate(threads.map(one, sources, targets))

    def _performed(
        self, slot: int, source: str, targets: Sequence[str], limits: Mapping[Role, int]
    ) -> Performed:
        seconds: dict[Role, float] = {}
        started = time.perf_counter()
        scores = self._scores(slot, source, targets)
        if targets:
            seconds["answer"] = time.perf_counter() - started
        made: dict[Role, GeneratedText] = {}
        for role, limit in limits.items():
            started = time.perf_counter()
            made[role] = self._generate(slot, source, role, limit)
            seconds[role] = time.perf_counter() - started
        return Performed(scores, made, seconds)

    # ------------------------------------------------------------------ scoring

    def _scores(self, slot: int, source: str, targets: Sequence[str]) -> list[tuple[float, int]]:
        """Of each target as an answer: (sum of log-probabilities, end token included; tokens)."""
        prefix = self.encoder.row(source, "answer", ()).prefix
        branches = [self.encoder.branch("answer", target) for target in targets]
        # What stands before a token that is scored → the tokens that are scored there.
        wanted: dict[tuple[int, ...], dict[int, float | None]] = {}
        for branch in branches:
            for at, token in enumerate(branch.target):
                before = (*prefix, *branch.marker, *branch.target[:at])
                wanted.setdefault(before, {})[token] = None
        found = {
            before: self._log_probabilities(slot, before, list(tokens))
            for before, tokens in wanted.items()
        }
        return [
            (
                sum(
                    found[(*prefix, *branch.marker, *branch.target[:at])][token]
                    for at, token in enumerate(branch.target)
                ),
                len(branch.target),
            )
            for branch in branches
        ]

    def _log_probabilities(
        self, slot: int, before: Sequence[int], tokens: Sequence[int]
    ) -> dict[int, float]:
        """Those of each of ``tokens`` after ``before``.

        llama.cpp keeps no figures of a token that ends within a character: such a one is looked
        for in the list of all tokens that it gives for another in the same place, the end token.
        """
        found: dict[int, float] = {}
        for token in tokens:
            if token in found:
                continue
            listed = 1 if len(tokens) == 1 else _LISTED
            made = self._generated(slot, before, token, listed)
            if made is not None:
                found |= _listed(made, tokens)
                found[token] = float(made["logprob"])
        for listed in (_LISTED, len(self.encoder.tokenizer)):
            if all(token in found for token in tokens):
                break
            other = self._generated(slot, before, self.encoder.end_id, listed)
            if other is not None:
                found = _listed(other, tokens) | found
        for token in tokens:
            if token not in found:
                raise ReferenceError_(f"llama.cpp gives no probability of the token {token}")
        return found

    def _generated(
        self, slot: int, before: Sequence[int], token: int, listed: int
    ) -> dict[str, Any] | None:
        """What llama.cpp says of generating ``token`` next, with its ``listed`` likeliest."""
        reply = self._complete(
            slot, before, max_tokens=1, logprobs=listed, logit_bias=[[token, _CERTAIN]]
        )
        content = (reply["logprobs"] or {}).get("content") or []
        return content[0] if content and content[0]["id"] == token else None

    # ------------------------------------------------------------------ decoding

    def generate(
        self, sources: Sequence[str], role: Role, max_new_tokens: int
    ) -> list[GeneratedText]:
        """Greedy decoding of one task for each question."""
        done = self.perform(sources, [()] * len(sources), {role: max_new_tokens}, self._at_once)
        return [performed.generated[role] for _, performed in done]

    def _generate(self, slot: int, source: str, role: Role, max_new_tokens: int) -> GeneratedText:
        prompt = [*self.encoder.row(source, role, ()).prefix, *self.encoder.marker_ids(role)]
        reply = self._complete(slot, prompt, max_tokens=max_new_tokens)
        complete = reply["finish_reason"] == "stop"
        return GeneratedText(reply["text"].strip(), reply["tokens"], complete)

    def chat(self, question: str) -> tuple[str, int]:
        """What comes of the file's own chat template: the text, and how many tokens the prompt
        that it made has."""
        body = {"messages": [{"role": "user", "content": question}], "temperature": 0.0}
        reply = self._server.handle_chat_completions({**body, "max_tokens": 16})
        content = reply["choices"][0]["message"]["content"]
        return content, int(reply["usage"]["prompt_tokens"])

    def tokens(self, text: str, *, special: bool) -> tuple[int, ...]:
        """The tokens that llama.cpp makes of a text; ``special``: with what begins a text."""
        address = urlsplit(self._server.listening_address)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
        body = {"content": text, "add_special": special, "parse_special": True}
        try:
            connection.request(
                "POST", "/tokenize", json.dumps(body), {"Content-Type": "application/json"}
            )
            return tuple(json.loads(connection.getresponse().read())["tokens"])
        finally:
            connection.close()

    def close(self) -> None:
        self._server = None

    def _complete(self, slot: int, prompt: Sequence[int], **options: Any) -> dict[str, Any]:
        body = {"prompt": list(prompt), "temperature": 0.0, "cache_prompt": True, **options}
        body["id_slot"] = slot
        reply = self._server.handle_completions(body)
        if "choices" not in reply:
            raise ReferenceError_(f"llama.cpp refused a question: {json.dumps(reply)[:200]}")
        used = reply["usage"]
        if used["prompt_tokens"] != len(prompt):
            raise ReferenceError_(
                f"llama.cpp read {used['prompt_tokens']} tokens where {len(prompt)} were given"
            )
        return {**reply["choices"][0], "tokens": used["completion_tokens"]}


def _listed(made: Mapping[str, Any], tokens: Sequence[int]) -> dict[int, float]:
    """The log-probabilities of those of ``tokens`` that stand in the list of likeliest tokens."""
    return {
        each["id"]: float(each["logprob"]) for each in made["top_logprobs"] if each["id"] in tokens
    }

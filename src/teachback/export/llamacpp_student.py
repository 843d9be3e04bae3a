"""A student in a GGUF file, asked through llama.cpp as `teachback.students.answering` asks one.

llama.cpp gives the probability of a token that it generates, whatever made it choose that one: a
text is scored by making it generate each token in turn.
"""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from teachback.errors import ReferenceError_
from teachback.records import Role
from teachback.students.card import StudentCard
from teachback.students.encoding import CausalTokenizer
from teachback.students.generated import Generated, Performed

_CERTAIN = 1e5
"""Added to a token's logit: it is generated whatever the others' are."""


class LlamaCppStudent:
    """``encoder`` makes the tokens.

    Raises ReferenceError_ where llama.cpp cannot load the file.
    """

    def __init__(self, file: Path, encoder: CausalTokenizer) -> None:
        import xllamacpp

        self.encoder = encoder
        self.card: StudentCard = encoder.card
        card = self.card
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(file)
        parameters.n_ctx = card.max_source_tokens + card.max_target_tokens + 256
        parameters.n_parallel = 1
        parameters.verbosity = -1
        parameters.cpuparams.n_threads = int(os.environ.get("OMP_NUM_THREADS", 0)) or os.cpu_count()
        try:
            self._server: Any = xllamacpp.Server(parameters)
        except Exception as error:  # of the binding's own making
            raise ReferenceError_(f"{file}: llama.cpp cannot load it ({error})") from error

    def same_tokens(self, left: str, right: str) -> bool:
        return self.encoder.same_tokens(left, right)

    def perform(
        self,
        sources: Sequence[str],
        targets: Sequence[Sequence[str]],
        limits: Mapping[Role, int],
        batch_size: int,
    ) -> Iterator[tuple[int, Performed]]:
        """As `teachback.students.model.StudentModel.perform`, whatever the ``batch_size`` one
        question at a time."""
        for place, (source, own) in enumerate(zip(sources, targets, strict=True)):
            seconds: dict[Role, float] = {}
            started = time.perf_counter()
            scores = [self._score(source, target, "answer") for target in own]
            if own:
                seconds["answer"] = time.perf_counter() - started
            made: dict[Role, Generated] = {}
            for role, limit in limits.items():
                started = time.perf_counter()
                (made[role],) = self.generate([source], role, limit)
                seconds[role] = time.perf_counter() - started
            yield place, Performed(scores, made, seconds)

    def _score(self, source: str, target: str, role: Role) -> tuple[float, int]:
        branch = self.encoder.branch(role, target)
        before = [*self.encoder.row(source, role, ()).prefix, *branch.marker]
        total = 0.0
        for token in branch.target:
            total += self._log_probability(before, token)
            before.append(token)
        return total, len(branch.target)

    def _log_probability(self, before: Sequence[int], token: int) -> float:
        """That of ``token`` after ``before``.

        llama.cpp keeps no figures of a token that ends within a character: such a one is looked
        for in the list of all tokens that it gives for another in the same place, the end token.
        """
        made = self._generated(before, token, listed=1)
        if made is not None:
            return float(made["logprob"])
        for listed in (1000, len(self.encoder.tokenizer)):
            other = self._generated(before, self.encoder.end_id, listed)
            for each in other["top_logprobs"] if other else ():
                if each["id"] == token:
                    return float(each["logprob"])
        raise ReferenceError_(f"llama.cpp gives no probability of the token {token}")

    def _generated(self, before: Sequence[int], token: int, listed: int) -> dict[str, Any] | None:
        """What llama.cpp says of generating ``token`` next, with its ``listed`` likeliest."""
        reply = self._complete(
            before, max_tokens=1, logprobs=listed, logit_bias=[[token, _CERTAIN]]
        )
        content = (reply["logprobs"] or {}).get("content") or []
        return content[0] if content and content[0]["id"] == token else None

    def generate(self, sources: Sequence[str], role: Role, max_new_tokens: int) -> list[Generated]:
        """Greedy decoding of one task for each question."""
        marker = self.encoder.marker_ids(role)
        found = []
        for source in sources:
            prompt = [*self.encoder.row(source, role, ()).prefix, *marker]
            reply = self._complete(prompt, max_tokens=max_new_tokens)
            complete = reply["finish_reason"] == "stop"
            found.append(Generated(reply["text"].strip(), reply["tokens"], complete))
        return found

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

    def _complete(self, prompt: Sequence[int], **options: Any) -> dict[str, Any]:
        body = {"prompt": list(prompt), "temperature": 0.0, "cache_prompt": True, **options}
        reply = self._server.handle_completions(body)
        if "choices" not in reply:
            raise ReferenceError_(f"llama.cpp refused a question: {json.dumps(reply)[:200]}")
        used = reply["usage"]
        if used["prompt_tokens"] != len(prompt):
            raise ReferenceError_(
                f"llama.cpp read {used['prompt_tokens']} tokens where {len(prompt)} were given"
            )
        return {**reply["choices"][0], "tokens": used["completion_tokens"]}

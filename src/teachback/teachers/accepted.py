"""What a server accepts in a request, learnt from its refusals.

OpenAI's newer models want ``max_completion_tokens`` and their own temperature; most other servers
know ``max_tokens`` alone; some chat templates have no system turn. What a server refuses by name
is sent in its other form, or left out, in all later requests of the teacher.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from teachback.records import Message, Request, Sampling

_LIMITS = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": "max_tokens",
}
"""The two names of the longest reply; one of them is always sent, or nothing bounds the cost."""

_NOT_ACCEPTED = re.compile(
    r"unsupported|n[o']t (?:\w+ )?support|unknown|unrecogni[sz]ed|unexpected"
    r"|extra|deprecated|instead"
    r"|(?:not|n't) (?:be )?(?:permitted|allowed|accepted|available|applicable|compatible)"
    r"|(?:can(?:not|'t)|(?:may|must|should) not) (?:both |also )?be (?:specified|used|set|given)"
    r"|only the default|only \S+ is allowed|no longer|invalid (?:parameter|argument|key|field)"
    r"|not a valid (?:parameter|argument|key|field)|must be (?:unset|omitted)",
    re.IGNORECASE,
)
_VALUE_ALONE = re.compile(
    r"too (?:large|big|high|small|low)|exceed|context (?:length|window)|at (?:most|least)"
    r"|less than|greater than|between",
    re.IGNORECASE,
)
"""The parameter is known, and the user's value is not possible: that is the user's to change."""

_SYSTEM_TURN = re.compile(
    r"system[\s'\"`]*(?:role|message|prompt|instruction|turn)|role[\s'\"`:]*system"
    r"|roles must alternate|(?:developer|system) instruction",
    re.IGNORECASE,
)
_ROLES_ALTERNATE = re.compile(r"roles must alternate", re.IGNORECASE)

_AS_PARAMETER = (
    r"['\"`‘“]{name}\\?['\"`’”]"
    r"|\b(?:parameter|argument|field|key|option|setting|invalid|unsupported|unknown|unrecogni[sz]ed"
    r"|unexpected|supplied|support|accept)s?(?:\(s\))?:?\s+{name}\b"
    r"|\b{name}(?::|\s+(?:parameter|argument|field|option|setting)\b)"
    r"|(?:^|[.:;\"'])\s*{name}\s+(?:is|must|can|may|should|does)"
)
"""Where ``name`` stands as a parameter's, and not as a word of the language."""

_WORD = re.compile(r"\w+")
_ECHO_WORDS = 3
"""So many words in a row that stand in the request, too, are an echo of it."""


@dataclass(slots=True)
class Accepted:
    """What is sent to one server. ``changes`` counts what has been learnt.

    limit: the name by which the longest reply is sent.
    left_out: parameters that are not sent.
    folds_system: whether the system turn goes into the first user turn.
    """

    limit: str
    left_out: set[str] = field(default_factory=set)
    folds_system: bool = False
    changes: int = 0
    _limits_refused: set[str] = field(default_factory=set)

    def settings(self, sampling: Sampling) -> dict[str, object]:
        """The parameters of a request, as they are sent."""
        wanted: dict[str, object] = {
            "temperature": sampling.temperature,
            self.limit: sampling.max_tokens,
        }
        if sampling.top_p != 1.0:
            wanted["top_p"] = sampling.top_p
        if sampling.stop:
            wanted["stop"] = list(sampling.stop)
        return {name: value for name, value in wanted.items() if name not in self.left_out}

    def turns(self, request: Request) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
        """The few-shot part and the example's own messages, as they are sent."""
        if not self.folds_system or not _has_system(request):
            return request.prefix, request.messages
        if len(request.prefix) > 1:
            return folded(request.prefix), request.messages
        return (), folded((*request.prefix, *request.messages))

    def learn(self, body: str, request: Request) -> str | None:
        """Learn from a refusal of ``request``, whose body this is: what is done from now on, for
        the user to read. None where there is nothing to learn, and the same request again would
        be refused again."""
        message, named = _refusal(body)
        own = _words(" ".join(m.content for m in (*request.prefix, *request.messages)))
        message = _without_echo(message, own)
        sent = self.settings(request.sampling)
        if _has_system(request) and not self.folds_system and refuses_system(message):
            self.folds_system = True
            self.changes += 1
            return (
                "the server refuses a system turn: its text is put into the first user turn, "
                "as --system fold does"
            )
        name = _refused_name(message, named, sent, own)
        if name is None:
            return None
        if name in _LIMITS:
            self._limits_refused.add(name)
            if _LIMITS[name] in self._limits_refused:
                return None
            self.limit = _LIMITS[name]
            self.changes += 1
            return f"the server refuses {name}: {self.limit} is sent instead"
        self.left_out.add(name)
        self.changes += 1
        if name == "stop":
            return "the server refuses stop: it is not sent, and replies are cut here instead"
        return (
            f"the server refuses {name} = {sent[name]:g}: it is not sent, and replies are sampled "
            "as the server does by itself"
        )

    def cut(self, text: str, sampling: Sampling) -> str:
        """``text`` up to the first stop sequence, where the server is not told of these."""
        if "stop" in self.left_out:
            for stop in sampling.stop:
                text = text.partition(stop)[0]
        return text


def folded(turns: tuple[Message, ...]) -> tuple[Message, ...]:
    """The turns with the text of the first, a system turn, at the beginning of the next."""
    system, first, *rest = turns
    return (Message(first.role, f"{system.content}\n\n{first.content}"), *rest)


def _has_system(request: Request) -> bool:
    return bool(request.prefix) and request.prefix[0].role == "system"


def refuses_system(message: str) -> bool:
    """Whether an error says that there must be no system turn."""
    if not _SYSTEM_TURN.search(message):
        return False
    return bool(_NOT_ACCEPTED.search(message) or _ROLES_ALTERNATE.search(message))


def _refusal(body: str) -> tuple[str, str | None]:
    """The whole text of an error, and the parameter that it names as the one at fault."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return body, None
    error = data.get("error", data) if isinstance(data, dict) else None
    named = error.get("param") if isinstance(error, dict) else None
    return body, named.rpartition(".")[2] if isinstance(named, str) and named else None


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def _without_echo(message: str, own: Sequence[str]) -> str:
    """The message without what it repeats of the request, whose words these are."""
    runs = {tuple(own[i : i + _ECHO_WORDS]) for i in range(len(own) - _ECHO_WORDS + 1)}
    places = list(_WORD.finditer(message))
    words = [place[0].casefold() for place in places]
    kept: list[str] = []
    end = 0
    for i in range(len(words) - _ECHO_WORDS + 1):
        if tuple(words[i : i + _ECHO_WORDS]) in runs:
            kept.append(message[end : max(end, places[i].start())])
            end = places[i + _ECHO_WORDS - 1].end()
    return "".join((*kept, message[end:]))


def _refused_name(
    message: str, named: str | None, sent: Mapping[str, object], own: Collection[str]
) -> str | None:
    """Which of the parameters sent is not accepted, if that is what the message says. One whose
    name is also a word of the request must stand there as a parameter's."""
    if not _NOT_ACCEPTED.search(message) or _VALUE_ALONE.search(message):
        return None
    if named is not None:
        return named if named in sent else None
    mentioned = [word[0] for word in _WORD.finditer(message) if word[0] in sent]
    mentioned = [
        name
        for name in mentioned
        if name not in own or re.search(_AS_PARAMETER.format(name=name), message, re.IGNORECASE)
    ]
    return mentioned[0] if mentioned else None

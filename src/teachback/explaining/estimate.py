"""What a run would ask and cost, found out without a call.

Only requests that a store lacks are counted. How often CROP needs RP is known for examples
whose COTE replies are stored (a pilot's, say) and estimated from them for the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from teachback.costs import tokens
from teachback.costs.prices import Price
from teachback.explaining.selection import ExplanationKind, ReplyLookup, SelectionRules, is_kept
from teachback.records import Completion, Example, Message, Request, RequestKind
from teachback.teachers.prompts import Prompts


@dataclass(frozen=True, slots=True)
class Load:
    """Requests still to be asked, and their tokens: about, and at most.

    ``shared`` is the few-shot part's share of ``about_in``.
    """

    requests: float = 0.0
    about_in: float = 0.0
    shared: float = 0.0
    most_in: float = 0.0
    about_out: float = 0.0
    most_out: float = 0.0

    def plus(self, other: Load, times: float = 1.0) -> Load:
        """This one and ``times`` the other."""
        return Load(
            self.requests + times * other.requests,
            self.about_in + times * other.about_in,
            self.shared + times * other.shared,
            self.most_in + times * other.most_in,
            self.about_out + times * other.about_out,
            self.most_out + times * other.most_out,
        )

    def dollars(self, price: Price, *, cached: bool = False) -> float:
        """About what it costs; ``cached``: if the few-shot part is always found in a cache."""
        return price.dollars(self.about_in, self.about_out, self.shared if cached else 0)

    def most_dollars(self, price: Price) -> float:
        """What it costs at most, every request asked once."""
        return price.dollars(self.most_in, self.most_out)


@dataclass(frozen=True, slots=True)
class RequestEstimate:
    """What the strategies would ask of one teacher over one dataset.

    ``crop_least`` and ``crop_most``: RP for no, and for every, example that is not decided yet.
    ``decided`` examples have all their COTE replies in the store, and ``backups`` of them none
    that is kept. ``about_out`` is the mean of the ``stored`` replies, if there are any.
    """

    examples: int
    stored: int
    cote: Load
    rp: Load
    crop_least: Load
    crop_most: Load
    decided: int
    backups: int

    @property
    def rp_share(self) -> tuple[float, float, float] | None:
        """The share of examples that need RP, and its 95% interval (Wilson's)."""
        if not self.decided:
            return None
        n, p, z = self.decided, self.backups / self.decided, 1.959964
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return p, max(0.0, middle - half), min(1.0, middle + half)

    @property
    def crop(self) -> Load | None:
        """CROP at the share of RP that was seen; None where none was."""
        share = self.rp_share
        if share is None:
            return None
        unsure = self.crop_most.plus(self.crop_least, -1)
        return self.crop_least.plus(unsure, share[0])


@dataclass(slots=True)
class _RequestSums:
    """Sums over requests of one kind."""

    count: int = 0
    about_in: float = 0.0
    shared: float = 0.0
    most_in: int = 0
    most_out: int = 0

    def load(self, out: float) -> Load:
        about_out = min(out * self.count, self.most_out)
        return Load(self.count, self.about_in, self.shared, self.most_in, about_out, self.most_out)


@dataclass(slots=True)
class _Prefix:
    """The few-shot part's tokens, counted once: requests of a kind hold the same object."""

    messages: tuple[Message, ...] | None = None
    about: float = 0.0
    most: int = 0

    def add(self, request: Request, *sums: _RequestSums) -> None:
        if request.prefix is not self.messages:
            self.messages = request.prefix
            self.about = tokens.about_in(request.prefix)
            self.most = tokens.most_in(request.prefix) - tokens.most_in(())
        about, most = tokens.about_in(request.messages), tokens.most_in(request.messages)
        for each in sums:
            each.count += 1
            each.about_in += self.about + about
            each.shared += self.about
            each.most_in += self.most + most
            each.most_out += request.sampling.max_tokens


@dataclass(slots=True)
class _Replies:
    """Stored replies of one kind: how long they are."""

    count: int = 0
    tokens: float = 0.0
    prefix: _Prefix = field(default_factory=_Prefix)

    def add(self, reply: Completion) -> None:
        out = reply.tokens_out
        self.count += 1
        self.tokens += tokens.about(reply.text + (reply.thinking or "")) if out is None else out


def estimate_requests(
    examples: Iterable[Example],
    lookup: ReplyLookup,
    *,
    prompts: Prompts,
    samples: int,
    rules: SelectionRules | None = None,
) -> RequestEstimate:
    """Count what COTE, RP and CROP would ask. Reads ``examples`` once; makes no call."""

    def stored(example: Example, kind: ExplanationKind, sample: int) -> Completion | None:
        reply = lookup(example, kind, sample)
        return None if reply is None or reply.finish_reason == "failed" else reply

    cote, rp, rp_sure, rp_open = _RequestSums(), _RequestSums(), _RequestSums(), _RequestSums()
    seen = {"cote": _Replies(), "rp": _Replies()}
    total = decided = backups = 0
    for example in examples:
        total += 1
        replies: list[Completion] = []
        for sample in range(samples):
            reply = stored(example, "cote", sample)
            if reply is None:
                seen["cote"].prefix.add(prompts.request(example, "cote", sample), cote)
            else:
                seen["cote"].add(reply)
                replies.append(reply)
        known = len(replies) == samples
        kept = known and is_kept(example, replies, rules)
        decided += known
        backups += known and not kept
        for sample in range(samples):
            reply = stored(example, "rp", sample)
            if reply is not None:
                seen["rp"].add(reply)
                continue
            request = prompts.request(example, "rp", sample)
            if not known:
                seen["rp"].prefix.add(request, rp, rp_open)
            elif kept:
                seen["rp"].prefix.add(request, rp)
            else:
                seen["rp"].prefix.add(request, rp, rp_sure)
    out = {kind: _about_out(replies, seen, prompts) for kind, replies in seen.items()}
    least = cote.load(out["cote"]).plus(rp_sure.load(out["rp"]))
    return RequestEstimate(
        examples=total,
        stored=sum(replies.count for replies in seen.values()),
        cote=cote.load(out["cote"]),
        rp=rp.load(out["rp"]),
        crop_least=least,
        crop_most=least.plus(rp_open.load(out["rp"])),
        decided=decided,
        backups=backups,
    )


def _about_out(own: _Replies, seen: dict[str, _Replies], prompts: Prompts) -> float:
    """Tokens of a reply: as of the stored ones (of this kind, else of the other), else as of the
    exemplars, else the most."""
    for replies in (own, *seen.values()):
        if replies.count:
            return replies.tokens / replies.count
    shown = [tokens.about(f"{e.explanation}\nThe answer is (A) .") for e in prompts.exemplars]
    answers = [tokens.about(exemplar.example.answer) for exemplar in prompts.exemplars]
    if not shown:
        return float(prompts.sampling.max_tokens)
    return (sum(shown) + sum(answers)) / len(shown)


def estimate_kind(
    examples: Iterable[Example],
    lookup: Callable[[Example, RequestKind, int], Completion | None],
    *,
    prompts: Prompts,
    kind: RequestKind,
) -> tuple[int, Load]:
    """How many replies to requests of one kind are stored, and what is still to be asked."""
    missing, replies = _RequestSums(), _Replies()
    longest = 0
    for example in examples:
        reply = lookup(example, kind, 0)
        request = prompts.request(example, kind)
        longest = request.sampling.max_tokens
        if reply is None or reply.finish_reason == "failed":
            replies.prefix.add(request, missing)
        else:
            replies.add(reply)
    out = replies.tokens / replies.count if replies.count else float(longest)
    return replies.count, missing.load(out)

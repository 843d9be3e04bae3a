"""The returns policy of the decision desk, as a text and as a rule engine.

The text is what a teacher reads and a student never sees; :func:`decide` follows it to the
letter and is where the gold labels come from. Both are ours, and made up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Category = Literal["electronics", "books and toys", "clothes and shoes", "home goods"]
Label = Literal["full refund", "store credit", "free repair", "no return"]

LABELS: tuple[Label, ...] = ("full refund", "store credit", "free repair", "no return")
"""The choices of every case, always in this order."""

TIME_LIMITS: dict[Category, int] = {
    "electronics": 10,
    "books and toys": 20,
    "clothes and shoes": 30,
    "home goods": 50,
}
"""Days after purchase within which a return is in time, before the member extension."""

GOODS: dict[Category, tuple[str, ...]] = {
    "electronics": (
        *("laptop", "mobile phone", "pair of headphones", "tablet computer", "digital camera"),
        *("keyboard", "smart watch", "printer", "computer monitor", "game console"),
        *("loudspeaker", "television"),
    ),
    "books and toys": (
        *("novel", "atlas", "cookbook", "board game", "jigsaw puzzle", "doll", "toy train"),
        *("dictionary", "comic book", "teddy bear", "picture book", "travel guide"),
    ),
    "clothes and shoes": (
        *("winter coat", "pair of jeans", "pair of sandals", "pair of running shoes"),
        *("sweater", "raincoat", "shirt", "dress", "pair of boots", "skirt", "leather jacket"),
        *("pair of gloves",),
    ),
    "home goods": (
        *("armchair", "bookshelf", "frying pan", "set of plates", "blanket", "coffee table"),
        *("saucepan", "pillow", "teapot", "wardrobe", "mattress", "tablecloth"),
    ),
}
"""Everything the store sells. The policy lists it, so that rule 1 leaves no doubt."""

MEMBER_DAYS = 20
"""Days that members get on top."""

_LIMITS = "\n".join(
    f"- {category}: {days} days ({', '.join(GOODS[category])})"
    for category, days in TIME_LIMITS.items()
)

POLICY = f"""\
Returns policy
1. The limit depends on the goods:
{_LIMITS}
2. Club members: limit + {MEMBER_DAYS} days.
3. Days since purchase <= limit: in time. Days since purchase > limit: late.
Then the first of these rules that fits decides. Faulty means broken, damaged, defective or \
incomplete.
4. Faulty, in time: full refund.
5. Faulty, late: free repair.
6. Not faulty, final sale: no return.
7. Not faulty, late: no return.
8. Not faulty, in time, opened or used: store credit.
9. Not faulty, in time, unopened: full refund.
For faulty goods it does not matter whether they are opened or final sale.\
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the policy needs to know of a case. ``days`` are days since purchase, at least 1.

    ``item`` is one of ``GOODS``; ``opened`` covers used, worn and read.
    """

    item: str
    days: int
    member: bool
    faulty: bool
    final_sale: bool
    opened: bool

    @property
    def category(self) -> Category:
        return next(category for category, items in GOODS.items() if self.item in items)

    @property
    def limit(self) -> int:
        """The time limit in days, member extension included (rules 1 and 2)."""
        return TIME_LIMITS[self.category] + (MEMBER_DAYS if self.member else 0)

    @property
    def in_time(self) -> bool:
        """Rule 3: a return on the last day of the limit is in time."""
        return self.days <= self.limit


@dataclass(frozen=True, slots=True)
class Decision:
    """A label and the number of the rule, 4 to 9, that decided."""

    label: Label
    rule: int


def decide(facts: Facts) -> Decision:
    """The policy's decision: the first of rules 4 to 9 that fits."""
    if facts.faulty:
        return Decision("full refund", 4) if facts.in_time else Decision("free repair", 5)
    if facts.final_sale:
        return Decision("no return", 6)
    if not facts.in_time:
        return Decision("no return", 7)
    if facts.opened:
        return Decision("store credit", 8)
    return Decision("full refund", 9)

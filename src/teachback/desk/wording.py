"""The everyday words of a case: names and several ways of saying each fact.

In a template, ``{S}`` and ``{s}`` are the customer (a name in a case's first sentence, then a
pronoun) with and without a capital, ``{r}`` is always the pronoun, ``{p}`` and ``{P}`` are
the possessive, and ``{is_}``, ``{has}``, ``{wants}`` and the like agree with them.
``{item}`` has its article, ``{thing}`` has none.
"""

from __future__ import annotations

from teachback.desk.policy import Category

WOMEN = (
    *("Maria", "Aisha", "Helen", "Ingrid", "Yuki", "Carmen", "Olga", "Priya", "Nadia", "Ruth"),
    *("Fatou", "Mei", "Greta", "Lucia", "Hannah", "Zeynep", "Amara", "Sofia", "Brigid", "Leila"),
)
MEN = (
    *("Tom", "Ahmed", "Jonas", "Pavel", "Kenji", "Diego", "Samuel", "Ravi", "Omar", "Felix"),
    *("Kwame", "Wei", "Lars", "Marco", "Daniel", "Emre", "Tunde", "Andrei", "Liam", "Hugo"),
)

PURCHASE = (
    "{S} bought {item} {days} ago and {wants} to return it.",
    "{S} {wants} to return {item} bought {days} ago.",
    "It has been {days} since {s} bought {item}, and now {r} {wants} to return it.",
    "{days} after buying {item}, {s} {wants} to bring it back.",
    "{S} purchased {item} {days} ago but {does} not want to keep it.",
    "{S} {is_} at the desk with {item} bought {days} ago.",
    "{S} {wants} to hand back {item}; the purchase was {days} ago.",
    "Can {s} return {item} that {r} bought {days} ago?",
    "{S} picked up {item} here {days} ago and {wants} to give it back.",
    "{S} {has} brought back {item}, {days} after the purchase.",
    "{S} ordered {item}, paid for it {days} ago and now {wants} to return it.",
    "The {thing} that {s} {wants} to return was bought {days} ago.",
)

MEMBER = (
    "{S} {is_} a club member.",
    "{S} {has} a club membership.",
    "{S} {has} been a member of the club for years.",
    "{S} {is_} a member of the store's club.",
    "{S} joined the club last year and {is_} still a member.",
    "{S} {has} a valid member card.",
    "As a club member, {s} {has} a card to show.",
    "The computer lists {p} club membership as active.",
)
NOT_MEMBER = (
    "{S} {is_} not a club member.",
    "{S} {has} no club membership.",
    "{S} {has} never joined the club.",
    "{S} {is_} not a member of the store's club.",
    "{S} {does} not belong to the club.",
    "{S} {has} no member card and {is_} not in the club.",
    "{P} name is not on the list of club members.",
)

FAULTY: dict[Category, tuple[str, ...]] = {
    "electronics": (
        "It is broken: it no longer switches on.",
        "It is faulty: it turns itself off after a minute.",
        "It is defective and has stopped working.",
        "It never worked properly, so it is faulty.",
        "It is broken and makes a loud buzzing noise.",
        "It has a fault: it shuts down again and again.",
    ),
    "books and toys": (
        "It is incomplete: a part was missing from the start.",
        "It is faulty: it fell apart by itself.",
        "It came with a fault.",
        "It is defective and came apart at once.",
        "It has a fault: a piece of it is missing.",
        "It was already damaged when {r} unpacked it.",
    ),
    "clothes and shoes": (
        "It is defective: a seam came apart the first time.",
        "It is faulty: the stitching has come loose.",
        "It is damaged: it had a hole from the start.",
        "It has a fault: the colour comes off on the skin.",
        "It is defective, the fabric tears by itself.",
        "It was already damaged when {r} unpacked it.",
    ),
    "home goods": (
        "It is damaged: it had a crack from the start.",
        "It is faulty: a part of it has come off by itself.",
        "It is defective and gave way under normal use.",
        "It has a fault: its surface is peeling off.",
        "It was already damaged when {r} unpacked it.",
        "It came with a broken part.",
    ),
}
NOT_FAULTY = (
    "Nothing is wrong with it.",
    "It has no fault.",
    "It is not faulty, {r} simply changed {p} mind.",
    "It is in perfect order, but {r} {does} not need it any more.",
    "It is fine, {r} only {dislikes} the colour.",
    "It is not faulty, but {r} got a second one as a present.",
    "It is flawless, {r} just found one that {r} liked more.",
    "It is in good order, just not what {r} expected.",
)

OPENED: dict[Category, tuple[str, ...]] = {
    "electronics": (
        "The box has been opened.",
        "It has been used for a few evenings.",
        "{S} {has} opened it and tried it out.",
        "The seal has been cut and it has been used.",
    ),
    "books and toys": (
        "The wrapping has been opened.",
        "It has been opened and used.",
        "{S} {has} opened it and looked through it.",
        "It was opened at a birthday party.",
    ),
    "clothes and shoes": (
        "It has been worn twice.",
        "The tags are off and it has been worn.",
        "{S} wore it to a wedding.",
        "{S} {has} worn it outside.",
    ),
    "home goods": (
        "The packaging has been opened.",
        "It has been used at home for a while.",
        "{S} {has} unpacked it and used it.",
        "It was opened and used once.",
    ),
}
UNOPENED: dict[Category, tuple[str, ...]] = {
    "electronics": (
        "The box is still sealed.",
        "It is unopened.",
        "{S} never opened the box.",
        "It has not been opened or used.",
    ),
    "books and toys": (
        "It is still in its sealed wrapping.",
        "It is unopened.",
        "{S} never opened the wrapping.",
        "It has not been opened or used.",
    ),
    "clothes and shoes": (
        "It is unopened and unworn, with all tags on.",
        "It is still in the sealed bag.",
        "{S} never opened the bag it came in.",
        "It has not been unpacked or worn.",
    ),
    "home goods": (
        "It is still in its sealed packaging.",
        "It is unopened.",
        "{S} never opened the packaging.",
        "It has not been unpacked or used.",
    ),
}

FINAL_SALE = (
    "It was sold as a final sale item.",
    "It was marked final sale.",
    "The tag said final sale.",
    "It came from the final sale shelf.",
    "It was a final sale purchase.",
)
ASIDES = (
    "The store was crowded that day.",
    "{S} paid by card.",
    "{S} paid in cash.",
    "It was meant as a present for {p} sister.",
    "A friend had recommended it.",
    "{S} came by bus.",
    "It is raining outside.",
    "{S} {is_} in a hurry.",
    "{S} {lives} two streets away.",
    "{P} brother came along.",
    "{S} also bought some batteries.",
    "{S} {is_} very polite about it.",
    "The shop assistant was friendly.",
    "{S} had wanted one for a long time.",
    "{S} {has} shopped here before.",
    "It was bought as a gift.",
)
"""Sentences that no rule speaks of."""

QUESTION = "What does the desk decide?"

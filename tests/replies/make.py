"""Writes the labelled replies beside this file: `python tests/replies/make.py`.

Each is what a large model writes to a question that asked for no form of conclusion: the steps of
a right or a wrong chain, an ending in one of many styles, and sometimes chatter. The verdict is
known because the chain was made for it. Seeded: the files only change where this script does, and
they were read by hand after each change.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
Row = dict[str, Any]

NAMES = ["Mara", "Tobias", "Ines", "Rashid", "Yuki", "Lena", "Omar", "Petra", "Kofi", "Sanne"]
OPENINGS = [
    "Let's think step by step.\n\n",
    "Let's break this down step by step:\n\n",
    "To solve this, we work through it one step at a time.\n\n",
    "Sure! Here's how to work it out:\n\n",
    "",
    "",
    "We start from what is given.\n",
]
CHATTER = [
    "\n\nI hope this helps!",
    "\n\nLet me know if you have any questions!",
    " Let me know if you'd like me to explain any step.",
    "\n\nFeel free to ask if anything is unclear.",
]
WORDS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
fifteen sixteen seventeen eighteen nineteen twenty""".split()


def listed(steps: list[str], style: int) -> str:
    """The steps as prose, as a numbered list, as bullets, or with bold headings."""
    if style == 0:
        return " ".join(steps)
    if style == 1:
        return "\n".join(f"{n}. {step}" for n, step in enumerate(steps, 1))
    if style == 2:
        return "\n".join(f"- {step}" for step in steps)
    return "\n\n".join(f"**Step {n}:** {step}" for n, step in enumerate(steps, 1))


# ------------------------------------------------------------------------------ arithmetic


def numbers(rng: random.Random) -> tuple[str, int, int, list[str], list[str], dict[str, Any]]:
    """Question, right result, wrong result, steps to each, and words for the endings."""
    name, other = rng.sample(NAMES, 2)
    what = rng.choice(["apples", "crates", "postcards", "tiles", "muffins", "batteries", "jars"])
    a, b, c = rng.randint(3, 12), rng.randint(4, 30), rng.randint(2, 9)
    form = rng.randrange(5)
    if form == 0:
        right, wrong = a * b, a * b + a
        question = f"{name} packs {a} boxes with {b} {what} each. How many {what} is that?"
        steps = [f"There are {a} boxes.", f"Each box holds {b} {what}.", f"{a} × {b} = {right}."]
        bad = [*steps[:2], f"{a} × {b + 1} = {wrong}."]
    elif form == 1:
        start = b + c + rng.randint(1, 15)
        right, wrong = start - c, start + c
        question = f"{name} has {start} {what} and gives {c} to {other}. How many are left?"
        steps = [f"{name} starts with {start} {what}.", f"{start} - {c} = {right}."]
        bad = [steps[0], f"{start} + {c} = {wrong}."]
    elif form == 2:
        right, wrong = b, b + rng.choice([1, 2, 5])
        question = f"{a * b} {what} go onto {a} shelves equally. How many does a shelf hold?"
        steps = [f"We divide {a * b} by {a}.", f"{a * b} / {a} = {right}."]
        bad = [steps[0], f"{a * b} / {a} = {wrong}."]
    elif form == 3:
        right, wrong = 1000 * a + 10 * b, 1000 * a + b
        question = f"A hall has {a} thousand seats and {b} rows of ten more. How many seats?"
        steps = [f"{a} thousand is {1000 * a}.", f"{b} rows of ten are {10 * b} seats."]
        bad = [steps[0], f"{b} rows are {b} seats."]
        what = "seats"
    else:
        right, wrong = a + c, a - c if a > c else a * c + 1
        question = f"{name} reads {a} pages today and {c} tomorrow. How many pages in all?"
        steps = [f"Today it is {a} pages.", f"Tomorrow it is {c} pages.", f"{a} + {c} = {right}."]
        bad = [*steps[:2], f"So we take them apart and find {wrong}."]
        what = "pages"
    return question, right, wrong, steps, bad, {"name": name, "what": what, "a": a, "other": other}


NUMBER_ENDINGS: list[Callable[[str, dict[str, Any]], str]] = [
    lambda n, w: f"So, {w['name']} has {n} {w['what']}.",
    lambda n, w: f"Therefore, there are {n} {w['what']} in total.",
    lambda n, w: f"Therefore, it comes to **{n} {w['what']}**.",
    lambda n, w: f"Thus, {w['name']} ends up with {n} {w['what']}!",
    lambda n, w: f"\\[\n{n} = {n}\n\\]\n\nSo there are \\( {n} \\) {w['what']}.",
    lambda n, w: f"So the total is ${n}$.",
    lambda n, w: f"That makes {n} {w['what']} altogether.",
    lambda n, w: f"Hence, {n} {w['what']}.",
    lambda n, w: f"**{n}**",
    lambda n, w: f"= {n} {w['what']}",
    lambda n, w: f"{w['name']} therefore has {n} {w['what']} now.",
    lambda n, w: f"So {w['name']} needs {n} {w['what']} for the {w['a']} of them.",
    lambda n, w: f"The total number of {w['what']} is {n}.",
    lambda n, w: f"Consequently we are left with {n} of these {w['what']}.",
    lambda n, w: f"This means the result is {n}.",
    lambda n, w: f"So {w['name']} and {w['other']} count {n} {w['what']} between them.",
    lambda n, w: f"In conclusion, that is {n} {w['what']} in all.",
    lambda n, w: f"So that's {n} {w['what']}.\n\nWe can check: {n} - 0 = {n}, as it should be.",
    lambda n, w: f"So I get {int(n) + 7}. Wait, that is not right, I added 7 twice. It is {n}.",
    lambda n, w: f"{w['name']} has {n} {w['what']}. This matches what we would expect.",
    lambda n, w: f"**Final Answer:** {n} {w['what']}",
    lambda n, w: f"The answer is {n}.",
    lambda n, w: f"### Answer\n\n\\(\\boxed{{{n}\\text{{ {w['what']}}}}}\\)",
    lambda n, w: f"#### {n}",
    lambda n, w: f"Also sind es insgesamt {n} Stück.",
    lambda n, w: f"Die Antwort lautet {n}.",
    lambda n, w: f"Donc, il y en a {n} en tout.",
    lambda n, w: f"Por lo tanto, quedan {n} en total.",
    lambda n, w: f"因此，一共有{n}个。",
    lambda n, w: f"したがって、答えは{n}です。",
    lambda n, w: f"Итак, всего получается {n}.",
    lambda n, w: f"So there are only {WORDS[int(n)] if int(n) <= 20 else n} {w['what']} left.",
    lambda n, w: f"So there are {int(n):,} {w['what']}.",
]


# What an ending says beside its conclusion, and so stays in the explanation.
KEPT = ["as it should be.", "I added 7 twice.", "This matches what we would expect.", "\n\\]"]


def number_rows(rng: random.Random) -> Iterator[Row]:
    for ending in NUMBER_ENDINGS * 2:
        for is_right in (True, False):
            question, right, wrong, steps, bad, words = numbers(rng)
            chosen = steps if is_right else bad
            closing = ending(str(right if is_right else wrong), words)
            yield reply(rng, "number", question, str(right), chosen, closing, is_right)
    # A wrong chain that says the right number on the way, or denies it at the end.
    for _ in range(6):
        question, right, wrong, steps, bad, words = numbers(rng)
        what = words["what"]
        for closing in (
            f"At first one gets {right}. But this counts some twice, so it is {wrong} {what}.",
            f"So it is {wrong} {what}, not {right}.",
            f"So it is either {right} or {wrong}.",
        ):
            yield reply(rng, "number", question, str(right), bad, closing, False)


# ------------------------------------------------------------------------------ short strings

FIRST = "Nadia Bruno Elif Marek Joost Akira Wanda Tomas Greta Hugo Salma Ivan Petra Noel".split()


def texts(rng: random.Random) -> tuple[str, str, str, list[str], list[str], str]:
    """Question, right string, wrong one, steps to each, and what the string is called."""
    form = rng.randrange(4)
    if form == 0:
        names = rng.sample(FIRST, 4)
        right = "".join(name[-1] for name in names)
        wrong = "".join(name[0].lower() for name in names)
        if wrong == right:
            wrong = right[::-1] + "x"
        question = f'Take the last letters of the words in "{" ".join(names)}" and join them.'
        steps = [f'The last letter of "{name}" is "{name[-1]}".' for name in names]
        bad = [f'The last letter of "{n}" is "{w}".' for n, w in zip(names, wrong, strict=False)]
        return question, right, wrong, steps, bad, "word"
    if form == 1:
        letters = "".join(rng.sample("ABCDEFGHKLMNPRSTX", 2))
        digits = rng.randint(10, 98)
        right, wrong = f"{letters}-{digits}", f"{letters[::-1]}-{digits + 1}"
        question = f"A locker code is two letters, {letters[0]} and {letters[1]}, a dash and the "
        question += f"number {digits}. What is it?"
        steps = [f"The letters come first: {letters[0]}, then {letters[1]}.", "A dash follows."]
        return question, right, wrong, steps, ["The letters are swapped.", steps[1]], "code"
    if form == 2:
        day = date(2021, 1, 1) + timedelta(days=rng.randint(0, 360))
        then, off = day + timedelta(days=7), day + timedelta(days=10)
        question = f"Today is {day:%m/%d/%Y}. What is the date one week from today in MM/DD/YYYY?"
        steps = [f"Today is {day:%m/%d/%Y}.", "One week is seven days."]
        bad = [steps[0], "One week is ten days."]
        return question, f"{then:%m/%d/%Y}", f"{off:%m/%d/%Y}", steps, bad, "date"
    word = rng.choice(["lantern", "pebble", "orchard", "violet", "saddle", "copper", "thimble"])
    right, wrong = word[::-1], word[::-1][1:] + word[-1]
    question = f'What is "{word}" spelled backwards?'
    spelled = ", ".join(reversed(word))
    steps = [f"The letters are {', '.join(word)}.", f"From the end: {spelled}."]
    return question, right, wrong, steps, [steps[0], "We read from the second one on."], "word"


TEXT_ENDINGS: list[Callable[[str, str], str]] = [
    lambda x, w: f'Putting it all together gives us "{x}".',
    lambda x, w: f'Therefore, the {w} is "{x}".',
    lambda x, w: f'So, the {w} we get is "{x}."',
    lambda x, w: f"Thus the {w} reads: {x}",
    lambda x, w: f"So the {w} is {x}.",
    lambda x, w: f"Therefore, the resulting {w} is **{x}**.",
    lambda x, w: f"**{x}**",
    lambda x, w: f"When we combine them, we get “{x}”.",
    lambda x, w: f"This results in: {x}",
    lambda x, w: f"Hence the {w} will be `{x}`.",
    lambda x, w: f"So it becomes {x}.",
    lambda x, w: f"Combining these yields {x}.",
    lambda x, w: f"Together: **{x}**",
    lambda x, w: f'Thus, "{x}" is the {w} we were looking for.',
    lambda x, w: f"The final {w} is: {x}",
    lambda x, w: f"In conclusion, we obtain '{x}'.",
    lambda x, w: f'The answer is "{x}".',
    lambda x, w: f"Answer: {x}",
    lambda x, w: f"**Answer:** {x}",
    lambda x, w: f"\\boxed{{\\text{{{x}}}}}",
    lambda x, w: f"Also lautet das Ergebnis „{x}“.",
    lambda x, w: f"Die Antwort ist: {x}",
    lambda x, w: f"Donc, on obtient « {x} ».",
    lambda x, w: f"因此，结果是“{x}”。",
    lambda x, w: f"Следовательно, получаем «{x}».",
]


def text_rows(rng: random.Random) -> Iterator[Row]:
    for ending in TEXT_ENDINGS * 2:
        for is_right in (True, False):
            question, right, wrong, steps, bad, what = texts(rng)
            closing = ending(right if is_right else wrong, what)
            yield reply(rng, "text", question, right, steps if is_right else bad, closing, is_right)
    for _ in range(4):
        question, right, wrong, steps, bad, what = texts(rng)
        for closing in (
            f'At first it looks like "{right}". But we skipped one, so the {what} is "{wrong}".',
            f'So the {what} is not "{right}".',
        ):
            yield reply(rng, "text", question, right, bad, closing, False)


# ------------------------------------------------------------------------------ choices

CHOICES: list[tuple[str, list[str], list[str], list[str]]] = [
    ("What soaks up spilled water best?", ["sponge", "marble", "fork", "candle"],
     ["A sponge is full of small holes.", "Holes hold water."], ["Marble is cold and smooth."]),
    ("Where would you keep milk fresh?", ["shelf", "refrigerator", "oven", "garden", "drawer"],
     ["Milk spoils in the warmth.", "It has to be kept cold."], ["An oven has a door that shuts."]),
    ("Which of these conducts electricity?", ["wooden spoon", "glass", "copper wire", "rubber"],
     ["Metals let current through."], ["Glass is used for light bulbs."]),
    ("What does a seed need first to sprout?", ["moonlight", "water", "music", "a pot"],
     ["A dry seed sleeps.", "It swells once it is wet."], ["Many gardeners speak of the moon."]),
    ("Who repairs a leaking pipe?", ["plumber", "baker", "tailor", "pilot"],
     ["Pipes are a matter of water and fittings."], ["Leaks are patched like trousers."]),
    ("What makes a shadow longer?", ["noon", "a low sun", "a cloud", "rain"],
     ["Flat rays stretch what they draw on the ground."], ["At midday light is strong."]),
    ("Which one is a liquid at room temperature?", ["iron", "mercury", "salt", "sulfur", "gold"],
     ["Most metals are solid.", "One of them flows."], ["Salt flows out of a shaker."]),
    ("What do bees make?", ["paper", "silk", "honey", "cheese"],
     ["They gather nectar and thicken it."], ["Some insects spin threads."]),
]  # fmt: skip
GOLD = [0, 1, 2, 1, 0, 1, 1, 2]
CHOICE_ENDINGS: list[Callable[[str, str], str]] = [
    lambda c, x: f"Therefore, the best choice is ({c}) {x}.",
    lambda c, x: f"So the most likely one is ({c}) {x}.",
    lambda c, x: f"That leaves us with {c}) {x}.",
    lambda c, x: f"Thus, ({c}).",
    lambda c, x: f"({c}) {x}",
    lambda c, x: f"Based on this, I would go with **{c}) {x}**.",
    lambda c, x: f"So it must be {x}.",
    lambda c, x: f"Therefore, {x} makes the most sense.",
    lambda c, x: f"Hence, option {c} is correct.",
    lambda c, x: f"The correct answer is {c}.",
    lambda c, x: f"**Answer: {c}) {x}**",
    lambda c, x: f"In conclusion, {x} is the most suitable of these.",
    lambda c, x: f"So, of these options, only {x} does the job.",
    lambda c, x: f"Thus one would say {x}.",
    lambda c, x: f"\\boxed{{{c}}}",
    lambda c, x: f"{c}",
    lambda c, x: f"Consequently, **{x}** fits the question best.",
    lambda c, x: f"Out of all the options, ({c}) is the one that fits.",
    lambda c, x: f"Die richtige Antwort ist ({c}).",
    lambda c, x: f"La bonne réponse est donc ({c}) {x}.",
    lambda c, x: f"La respuesta correcta es ({c}).",
    lambda c, x: f"因此，正确答案是({c})。",
    lambda c, x: f"したがって、正解は({c})です。",
    lambda c, x: f"Итак, правильный ответ: ({c}).",
]


def choice_rows(rng: random.Random) -> Iterator[Row]:
    for at, ending in enumerate(CHOICE_ENDINGS * 2):
        for is_right in (True, False):
            number = (3 * at + is_right) % len(CHOICES)
            question, choices, steps, bad = CHOICES[number]
            gold = GOLD[number]
            wrong = rng.choice([n for n in range(len(choices)) if n != gold])
            chosen = gold if is_right else wrong
            closing = ending("ABCDE"[chosen], choices[chosen])
            row = reply(
                rng, "multiple-choice", question, choices[gold], steps if is_right else bad,
                closing, is_right,
            )  # fmt: skip
            yield {**row, "choices": choices}
    for number in range(8):
        question, choices, _, bad = CHOICES[number]
        gold, wrong = choices[GOLD[number]], choices[(GOLD[number] + 1) % len(choices)]
        for closing in (
            f"So it cannot be {gold}.",
            f"So one takes {wrong} rather than {gold}.",
            f"So it is either {gold} or {wrong}.",
        ):
            row = reply(rng, "multiple-choice", question, gold, bad, closing, False)
            yield {**row, "choices": choices}


# ------------------------------------------------------------------------------ yes or no

CLAIMS: list[tuple[str, str, list[str], list[str]]] = [
    ("Can a whale breathe under water?", "no", ["Whales have lungs.", "They come up for air."],
     ["Whales live in the sea.", "What lives there breathes there."]),
    ("Would ice float in a glass of water?", "yes", ["Ice is less dense than water."],
     ["Solids are denser than liquids."]),
    ("Is a tomato older than the pyramids?", "no", ["A tomato lasts for weeks."],
     ["Plants have been around for ages."]),
    ("Could a chess board seat sixty-four pawns?", "yes", ["A board has eight rows of eight."],
     ["A board has eight rows of seven."]),
    ("Do spiders have more legs than dogs?", "yes", ["Spiders have eight, dogs four."],
     ["Spiders are insects with few legs."]),
    ("Does the moon shine by its own light?", "no", ["It reflects the light of the sun."],
     ["It is bright at night."]),
]  # fmt: skip
VERDICT_ENDINGS: list[Callable[[str], str]] = [
    lambda v: f"So, {v}.",
    lambda v: f"Therefore, {v}.",
    lambda v: f"So the answer is {v}.",
    lambda v: f"Thus, {v}, as the facts show.",
    lambda v: f"Therefore, the statement is {'true' if v == 'yes' else 'false'}.",
    lambda v: f"Hence it's {'true' if v == 'yes' else 'false'}.",
    lambda v: f"**{v.capitalize()}**",
    lambda v: f"{v.capitalize()}.",
    lambda v: f"In conclusion: {v}.",
    lambda v: f"The final answer is: **{v.capitalize()}**",
    lambda v: f"Thus the claim is {'true' if v == 'yes' else 'false'}, as far as we know.",
    lambda v: f"So {v}, because that is what follows.",
    lambda v: f"Answer: {v.capitalize()}",
    lambda v: f"Die Antwort ist {'ja' if v == 'yes' else 'nein'}.",
    lambda v: f"La réponse est {'oui' if v == 'yes' else 'non'}.",
    lambda v: f"Por lo tanto, la respuesta es {'sí' if v == 'yes' else 'no'}.",
    lambda v: f"所以答案是{'是' if v == 'yes' else '否'}。",
    lambda v: f"したがって、答えは{'はい' if v == 'yes' else 'いいえ'}です。",
    lambda v: f"Ответ: {'да' if v == 'yes' else 'нет'}.",
]


def verdict_rows(rng: random.Random) -> Iterator[Row]:
    contrary = {"yes": "no", "no": "yes"}
    for at, ending in enumerate(VERDICT_ENDINGS * 2):
        for is_right in (True, False):
            question, gold, steps, bad = CLAIMS[(at + 3 * is_right) % len(CLAIMS)]
            closing = ending(gold if is_right else contrary[gold])
            yield reply(
                rng, "yes-no", question, gold, steps if is_right else bad, closing, is_right
            )
    for question, gold, steps, bad in CLAIMS:  # the verdict first
        for is_right in (True, False):
            verdict = (gold if is_right else contrary[gold]).capitalize()
            body = " ".join(steps if is_right else bad)
            for opening in (f"{verdict}, that is so.", f"**{verdict}.**"):
                text = f"{opening} {body} One can look that up."
                yield {"kind": "yes-no", "question": question, "answer": gold, "text": text,
                       "right": is_right, "ends": "look that up."}  # fmt: skip
        text = f"{' '.join(bad)} Some say {gold}, others {contrary[gold]}."
        yield {"kind": "yes-no", "question": question, "answer": gold, "text": text,
               "right": False}  # fmt: skip


# ------------------------------------------------------------------------------ replies


def reply(
    rng: random.Random, kind: str, question: str, answer: str, steps: list[str], closing: str,
    right: bool,
) -> Row:  # fmt: skip
    body = listed(steps, rng.randrange(4))
    joint = "\n\n" if "\n" in body or closing.startswith(("*", "#", "\\", "=", "(")) else None
    joint = joint or rng.choice(["\n\n", "\n", " "])
    if len(closing) < 4 or closing.rstrip(".*").lstrip("*") in ("Yes", "No"):
        joint = "\n\n"
    chatter = rng.choice(CHATTER) if rng.random() < 0.2 else ""
    if not closing.endswith((".", "!", "。")):
        chatter = chatter.replace(" Let me", "\n\nLet me", 1) if chatter[:1] == " " else chatter
    text = f"{rng.choice(OPENINGS)}{body}{joint}{closing}{chatter}"
    row = {"kind": kind, "question": question, "answer": answer, "text": text, "right": right}
    if right:
        row["ends"] = next((kept for kept in KEPT if kept in closing), steps[-1])
    return row


def main() -> None:
    for name, rows in (
        ("arithmetic", number_rows),
        ("short-strings", text_rows),
        ("multiple-choice", choice_rows),
        ("yes-no", verdict_rows),
    ):
        rng = random.Random(f"replies-{name}")
        lines = (json.dumps(row, ensure_ascii=False) for row in rows(rng))
        (HERE / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""A large model compares explanations: `teachback judge`.

A judge is a teacher with other prompts: its replies go through the same session, store and cap on
costs, and a run that was stopped continues.

``judge_questions``  what a judge is asked, as labelled questions
``judge``            asking, and reading the replies
``planted_pairs``    pairs of which the better explanation is known
``self_test``        how many of them a judge gets right, and whether it is refused
``model_families``   whether the judge is the teacher's own model, or of its family
``compared_systems`` the systems and their seeds, and the pairs that are judged
``people_answers``   what people said, as `annotate results --export` writes it
``results``          what the replies come to: win rates, shares, strengths
``folder``           the folder of a judging, from runs to results
"""

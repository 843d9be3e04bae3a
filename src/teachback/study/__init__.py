"""A study: strategies, objectives, controls, students, sizes, seeds; every cell run once.

Modules, in the order in which a study goes: ``config`` (the study file), ``grid`` (its cells,
addressed by what defines them), ``material`` (the teacher's side), ``running`` (what is done, what
is next), ``engines`` and ``ray_engine`` (where cells run), ``cell`` (one of them, a process of its
own), ``forecast`` (time and disk), ``verdicts`` (what it all shows). ``docs/study.md`` describes
the files of a study's folder.
"""

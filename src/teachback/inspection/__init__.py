"""`teachback inspect`: automatic measures of a run's explanations.

Empty on purpose: the records in ``results`` are read without torch. ``measures`` names each
measure and says what it is; ``inspected_run`` reads a run; ``surface_measures``, ``consistency``
(with ``planted_mistakes``) and ``simulators`` measure; ``inspecting`` puts these together and
writes the files; ``wording`` puts them into tables and sentences.
"""

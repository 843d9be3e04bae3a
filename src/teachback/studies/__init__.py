"""A study: strategies, objectives, controls, students, sizes, seeds; every cell run once.

Modules, in the order in which a study goes:

``config``        the study file: every key, checked
``schema``        the files of a study's folder, typed: the contract with :mod:`teachback.reports`
``migrations``    older forms of these files
``grid``          the cells of a study, each addressed by what defines it
``family``        the comparisons that are declared before anything runs
``teacher_side``  explanations, asked for once, and the teacher as a baseline
``running``       what is done, what is next, what came of it
``engines``       where cells run: processes on this machine
``ray_engine``    the same on a Ray cluster
``cell``          one cell, in a process of its own
``forecast``      how long cells take and how much disk they need
``verdicts``      what it all shows

``docs/study.md`` describes the files of a study's folder.
"""

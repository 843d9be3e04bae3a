"""A study: strategies, objectives, controls, students, sizes, seeds; every cell run once.

Modules, in the order in which a study goes:

``config``           the study file: every key, checked
``factors``          what a study varies beside datasets, systems and seeds
``system_names``     what its systems are called in tables
``schema``           a study folder's files, typed: the contract with :mod:`teachback.reports`
``migrations``       older forms of these files
``planned``          what it is planned of: datasets, teachers, explanations, cells
``grid``             the cells of a study, each addressed by what defines it
``family``           the comparisons that are declared before anything runs
``set_aside``        the rows of train that no cell sees, written down
``teacher_side``     explanations, asked for once, and the teacher as a baseline
``running``          what is done, what is next, what came of it
``engines``          where cells run: processes on this machine
``ray_engine``       the same on a Ray cluster
``cell``             one cell, in a process of its own
``schedule_search``  within a cell: the training schedule that is best on valid
``processors``       on which kinds of processors the cells of a seed are computed
``forecast``         how long cells take and how much disk they need
``verdicts``         what it all shows
``packing``          a study in one file: packed, and unpacked elsewhere

``docs/study.md`` describes the files of a study's folder.
"""

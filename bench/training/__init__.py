"""Speed and memory of training and scoring, ours against others: ``python -m bench.training.run``.

``run`` is the script; ``groups`` says what is compared with what, ``turns`` runs the measured
processes, each of them a ``worker``; ``schemes`` and ``scoring`` are the measured ways, ``losses``
checks that they compute the same, ``counts`` counts their operations, ``material`` makes the rows,
``batches`` puts them together for the schemes, ``report`` writes the tables.
"""

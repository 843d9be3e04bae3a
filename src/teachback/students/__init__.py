"""Students: load, save, encode, loss of a batch, score choices, generate.

Empty on purpose: importing the package imports no torch. `Student` stands in ``student``,
the families in ``causal`` and ``seq2seq``, `load` in ``load``.
"""

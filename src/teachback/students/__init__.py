"""Students: load, save, encode, loss of a batch, score choices, generate.

Empty on purpose: importing the package imports no torch. Bottom up: the card in ``card``; what a
model with its tokenizer and card can do in ``model``, and by family in ``causal`` (which decodes
by ``decoding``) and ``seq2seq``; `load` in ``load``; how one answers in ``answering``; `Student`,
which puts these together for people, in ``student``.
"""

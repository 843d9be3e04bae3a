"""How good explanations are, as people, a judge or a measure sees it: the arithmetic.

``agreement``           how far annotators agree
``item_means``          shares and differences with intervals over items
``prediction_powered``  people's values made more precise by a judge's
``bradley_terry``       the strengths of several systems from the preferences between them
``equal_length``        the win rate at equal length
``surface``             length, share copied from the question, repetition
``planted_mistakes``    a number or a statement of a text changed
``simulatability``      what an explanation adds to predicting a student's answer
"""

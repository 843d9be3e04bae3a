"""How good explanations are, as people, a judge or a measure sees it: the arithmetic.

``agreement``   how far annotators agree
``item_means``  shares and differences with intervals over items
"""

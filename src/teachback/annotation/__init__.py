"""People judge explanations, on a page in their browser.

``criteria``         the modes, and what people are asked in each
``explained_items``  items with the explanations of the systems compared, read from runs
``plan``             who sees what in which order: the record, and how it is drawn
``folder``           the folder of an annotation: begun, continued
``answers``          the answers, each a revision in SQLite
``screens``          what a browser gets to see, without the systems' names
``page``             the page: served in parts, or one self-contained file
``server``           the page on loopback
``merging``          answers that were given in files
``judgements``       answers as numbers, by measure, system and item
``results``          shares, differences, agreement and flags, with their record
``wording``          results in words and cells
``detectable``       the difference that a number of items can show
"""

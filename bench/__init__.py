"""Times gibbous against its peers, with the answers checked: ``python -m bench --help``.

A run is one implementation on one case in a fresh process. Every implementation gets the same
data, the same start and the same number of iterations, and what it reaches is evaluated by one
evaluator that belongs to none of them; a run that reached something else never counts as faster.
"""

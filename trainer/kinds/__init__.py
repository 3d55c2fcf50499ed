"""How tasks of each kind are scored, measured and checked; `kind.py` says what all have in common.

May import everything below the job: methods, evaluation, checks.
"""

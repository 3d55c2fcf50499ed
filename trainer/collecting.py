"""How often Python looks for garbage: seldom while libraries load, as usual while a model learns.

Loading torch, transformers and PEFT makes a million objects and no garbage; looking through them
again and again is a quarter of the time (4.8 s, and 3.7 s without, on one core). While a model
learns, garbage may hold the memory of tensors, and is looked for as often as Python does.
"""

import gc

_USUAL = gc.get_threshold()
_SELDOM = 100_000
"""New objects between two looks; usually 700."""


def collect_seldom() -> None:
    gc.set_threshold(_SELDOM, *_USUAL[1:])


def collect_as_usual() -> None:
    gc.set_threshold(*_USUAL)

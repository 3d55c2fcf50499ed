"""A saved language model, loaded again by plain transformers and PEFT."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.records import Method
from trainer.data.tokens import positions_of
from trainer.engines.devices import pick_device, use_threads
from trainer.engines.protocol import Device
from trainer.engines.saved import load_learnt
from trainer.methods.card import ModelCard, based_on
from trainer.methods.training import ADAPTATIONS
from trainer.settings import Settings


@dataclass(frozen=True, slots=True)
class Loaded:
    """A language model on its device, and the most tokens that it reads."""

    model: Any
    device: Device
    positions: int


def load_language_model(folder: Path, card: ModelCard) -> Loaded:
    """The base of a saved model with what was learnt on it.

    Raises:
        BadInput: The base cannot be found.
        CorruptFolder: The base's weights are not those it was trained on.
    """
    from trainer.engines.transformers import load_causal

    device = pick_device("auto" if card.device == "cuda" else "cpu")
    use_threads(Settings().threads_or_cores, card.base.parameters if card.base else 0)
    base = folder if card.method is Method.FULL else based_on(card)
    model = load_causal(base, device, quantised=card.method is Method.QLORA)
    if not card.method.is_prompted:
        model = load_learnt(model, folder, ADAPTATIONS[card.method])
    return Loaded(model.eval(), device, positions_of(base))

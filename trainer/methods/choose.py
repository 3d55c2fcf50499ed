"""The method a spec names, and the method a saved model was made by."""

from pathlib import Path

from storage.errors import InternalError
from storage.records import Method
from trainer.methods.card import read_card
from trainer.methods.fitting import Classifier, FitRequest, Fitted

# Each is imported where it is chosen: the two cheap methods must not wait for torch.


def fit(request: FitRequest) -> Fitted:
    """Fit a model as the spec says."""
    match request.spec.method:
        case Method.MAJORITY:
            from trainer.methods import majority

            return majority.fit(request)
        case Method.TFIDF:
            from trainer.methods import tfidf

            return tfidf.fit(request)
        case Method.EMBEDDING:
            from trainer.methods import embedding

            return embedding.fit(request)
        case Method.LORA:
            from trainer.methods import lora

            return lora.fit(request)
        case Method.EXTERNAL:
            raise InternalError("predictions from outside are imported, never fitted")


def load(folder: Path) -> Classifier:
    """A model from its adapter folder; its base comes from where it came from before.

    Raises:
        CorruptFolder: The folder is not whole, or the base's weights are not the same any more.
        BadInput: The base cannot be found.
    """
    match read_card(folder).method:
        case Method.MAJORITY:
            from trainer.methods import majority

            return majority.load(folder)
        case Method.TFIDF:
            from trainer.methods import tfidf

            return tfidf.load(folder)
        case Method.EMBEDDING:
            from trainer.methods import embedding

            return embedding.load(folder)
        case Method.LORA:
            from trainer.methods import lora

            return lora.load(folder)
        case Method.EXTERNAL:
            raise InternalError("predictions from outside come without a model")

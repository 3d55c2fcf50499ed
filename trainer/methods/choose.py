"""The method a spec names, and the method a saved model was made by."""

from pathlib import Path

from storage.errors import InternalError
from storage.records import Method, TaskKind
from trainer.methods.card import read_card
from trainer.methods.fitting import Author, Classifier, FitRequest, Fitted

# Each is imported where it is chosen: the two cheap methods must not wait for torch.


def fit(request: FitRequest) -> Fitted:
    """Fit a model as the spec says."""
    if request.spec.task.kind is not TaskKind.CLASSIFICATION:
        from trainer.methods import lessons, written

        return written.ask(request) if request.spec.method.is_prompted else lessons.fit(request)
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
        case Method.ZERO_SHOT | Method.FEW_SHOT:
            from trainer.methods import prompted

            return prompted.fit(request)
        case _ if request.spec.by_label_words:
            from trainer.methods import lessons

            return lessons.fit(request)
        case Method.LORA | Method.QLORA | Method.FULL | Method.FROZEN:
            from trainer.methods import head

            return head.fit(request)
        case _:
            raise InternalError(f"method {request.spec.method.value} is not fitted here")


def load_author(folder: Path) -> Author:
    """A model that writes, from its adapter folder.

    Raises:
        As `load`.
    """
    from trainer.methods import written

    return written.load(folder)


def load(folder: Path) -> Classifier:
    """A classifier from its adapter folder; its base comes from where it came from before.

    Raises:
        CorruptFolder: The folder is not whole, or the base's weights are not the same any more.
        BadInput: The base cannot be found.
    """
    card = read_card(folder)
    match card.method:
        case Method.MAJORITY:
            from trainer.methods import majority

            return majority.load(folder)
        case Method.TFIDF:
            from trainer.methods import tfidf

            return tfidf.load(folder)
        case Method.EMBEDDING:
            from trainer.methods import embedding

            return embedding.load(folder)
        case _ if card.words is not None:
            from trainer.methods import words

            return words.load(folder)
        case Method.LORA | Method.QLORA | Method.FULL | Method.FROZEN:
            from trainer.methods import head

            return head.load(folder)
        case _:
            raise InternalError(f"a saved model of method {card.method.value} cannot be loaded")

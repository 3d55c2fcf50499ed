"""What a training leaves behind: an adapter, a whole model, or the head alone. Safetensors only."""

from pathlib import Path
from typing import Any

from storage.errors import CorruptFolder
from trainer.engines.recipe import Adaptation

HEAD = "head.safetensors"


def save_learnt(model: Any, folder: Path, adaptation: Adaptation) -> None:
    """Write what was learnt, in the form that others can load: PEFT's, or transformers'."""
    if adaptation == "frozen":
        from safetensors.torch import save_file

        learnt = {name: p for name, p in model.named_parameters() if p.requires_grad}
        save_file(
            {name: p.detach().cpu().contiguous() for name, p in learnt.items()}, folder / HEAD
        )
    elif adaptation == "full":
        model.save_pretrained(folder)
    else:
        # Embeddings never change here; "auto" would ask the hub whether the vocabulary grew.
        model.save_pretrained(folder, save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)  # PEFT's empty form


def load_learnt(base: Any, folder: Path, adaptation: Adaptation) -> Any:
    """A base with what was learnt on it; a whole model was loaded from the folder itself.

    Raises:
        CorruptFolder: The head does not fit the base.
    """
    if adaptation == "full":
        return base
    if adaptation == "frozen":
        from safetensors.torch import load_file

        unknown = base.load_state_dict(load_file(folder / HEAD), strict=False).unexpected_keys
        if unknown:
            raise CorruptFolder(f"{folder} holds a head that the base has not: {unknown[:3]}")
        return base
    from peft import PeftModel

    return PeftModel.from_pretrained(base, str(folder), is_trainable=False)

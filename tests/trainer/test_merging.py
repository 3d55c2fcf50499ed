"""A model that stands by itself says what adapter and base said."""

from pathlib import Path

import pytest

from storage.errors import BadInput
from storage.records import EXIT_DONE, Method, Task
from trainer import merging
from trainer.merging import MergeFailed, merge, push, to_gguf

from .conftest import Made, Maker

pytestmark = pytest.mark.engine


@pytest.fixture(name="tuned")
def tuned_fixture(task: Task, make_run: Maker, tiny_llama: Path) -> Made:
    made = make_run(task, Method.LORA, base=tiny_llama, epochs=1)
    assert made.run().returncode == EXIT_DONE
    return made


def test_a_merged_model_says_the_same_and_is_plain_transformers(
    tuned: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    with monkeypatch.context() as strict:
        strict.setattr(merging, "LIMIT", -1.0)
        with pytest.raises(MergeFailed, match="nothing was written"):
            merge(tuned.folder, tmp_path / "off")
    assert not list(tmp_path.glob("*off*"))
    target = tmp_path / "merged"
    found = merge(tuned.folder, target)
    assert found["largest_difference"] < 1e-4
    assert AutoModelForSequenceClassification.from_pretrained(target).config.num_labels == 3
    assert AutoTokenizer.from_pretrained(target).eos_token == "</s>"
    assert {path.suffix for path in target.iterdir()} <= {".safetensors", ".json", ".jinja"}
    with pytest.raises(BadInput, match="holds something already"):
        merge(tuned.folder, target)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match=r"convert_hf_to_gguf\.py, which is not on the PATH"):
        to_gguf(target)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(BadInput, match="could not be written"):
        push(target, "somebody/somewhere")


def test_the_converter_is_called_and_its_words_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "convert_hf_to_gguf.py"
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    script.write_text('#!/bin/sh\necho made > "$3"\n')
    script.chmod(0o755)
    assert Path(to_gguf(tmp_path)["gguf"]).read_text() == "made\n"
    (tmp_path / "model.gguf").unlink()
    script.write_text("#!/bin/sh\necho unknown model >&2\nexit 3\n")
    with pytest.raises(BadInput, match="code 3: unknown model"):
        to_gguf(tmp_path)


def test_what_has_no_adapter_cannot_be_merged(task: Task, make_run: Maker, tmp_path: Path) -> None:
    made = make_run(task, Method.TFIDF)
    with pytest.raises(BadInput, match="no model yet"):
        merge(made.folder, tmp_path / "merged")
    assert made.run().returncode == EXIT_DONE
    with pytest.raises(BadInput, match="there is no adapter to merge"):
        merge(made.folder, tmp_path / "merged")

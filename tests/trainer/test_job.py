"""A run from its folder: evidence that verifies, or words for a person."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from pyarrow import parquet
from pydantic import TypeAdapter

from storage.errors import BadInput
from storage.evidence_tables import CURVES, FINGERPRINTS, PREDICTIONS, VALIDATION_LOSSES
from storage.records import (
    EXIT_BAD_INPUT,
    EXIT_DONE,
    EXIT_FAILED,
    BaseRef,
    Check,
    DataSource,
    Method,
    Metric,
    Outcome,
    Prospect,
    RunSpec,
    Task,
    Training,
)
from storage.run_folder import RunFolder
from trainer.engines.footprint import require_room

from .conftest import ROOT, Made, Maker, make_rows, write_jsonl

BASELINES = (Method.MAJORITY, Method.TFIDF)


def metric(folder: RunFolder, name: str, split: str = "test", group: str = "") -> Metric:
    return next(m for m in folder.metrics() if (m.name, m.split, m.group) == (name, split, group))


@pytest.mark.parametrize("method", BASELINES)
def test_a_baseline_leaves_evidence_that_verifies(
    task: Task, make_run: Maker, method: Method
) -> None:
    made = make_run(task, method)
    done = made.run()
    assert done.returncode == EXIT_DONE, done.stderr
    folder = made.folder
    assert folder.verified_digest()
    assert {path.name for path in folder.evidence.iterdir()} == {
        *("metrics.json", "checks.json", "summary.json", "dataset.json", "environment.json"),
        *(PREDICTIONS, CURVES, VALIDATION_LOSSES, FINGERPRINTS, "manifest.json"),
    }
    summary = folder.summary()
    assert summary.spec_digest == folder.spec().digest()
    assert summary.dataset_digest == folder.dataset().content_digest
    assert summary.rows == {"train": 252, "validation": 36, "test": 72, "train_sample": 36}
    assert not list(folder.path.glob(".*")), "nothing is left of the staging folders"
    assert folder.events(1).events[-1].kind == "finished"


def test_tfidf_learns_what_the_majority_cannot(task: Task, make_run: Maker) -> None:
    found = {}
    for method in BASELINES:
        made = make_run(task, method, name=method.value)
        assert made.run().returncode == EXIT_DONE
        found[method] = metric(made.folder, "accuracy").value
    assert found[Method.MAJORITY] == pytest.approx(1 / 3)
    assert found[Method.TFIDF] == 1.0


def test_every_metric_can_be_computed_again_from_the_predictions(
    task: Task, make_run: Maker
) -> None:
    made = make_run(task, Method.TFIDF)
    made.run()
    folder = made.folder
    table = parquet.read_table(folder.evidence / PREDICTIONS).to_pylist()
    test = [row for row in table if row["split"] == "test"]
    labels = folder.summary().labels
    right = sum(row["gold"] == labels[int(np.argmax(row["probabilities"]))] for row in test)
    assert metric(folder, "accuracy").value == pytest.approx(right / len(test))
    losses = [-np.log(row["probabilities"][labels.index(row["gold"])]) for row in test]
    assert metric(folder, "log_loss").value == pytest.approx(np.mean(losses))
    assert [row["loss"] for row in test] == pytest.approx(losses)


def test_predictions_name_the_row_in_the_file_and_the_groups(
    tmp_path: Path, make_run: Maker
) -> None:
    rows = make_rows(360)
    path = write_jsonl(tmp_path / "rows.jsonl", rows)
    task = Task(name="t", data=DataSource(file=str(path)), sensitive=("region",))
    made = make_run(task, Method.MAJORITY)
    assert made.run().returncode == EXIT_DONE
    for found in parquet.read_table(made.folder.evidence / PREDICTIONS).to_pylist():
        row = rows[found["row"] - 1]
        assert (found["text"], found["gold"]) == (row["text"], row["label"])
        assert found["groups"] == [("region", row["region"])]
    assert any(m.group.startswith("region:") for m in made.folder.metrics())


def test_few_test_rows_have_no_latency_and_say_why(task: Task, make_run: Maker) -> None:
    made = make_run(task, Method.MAJORITY)
    made.run()
    found = metric(made.folder, "latency_p95_ms", "run")
    assert found.value is None
    assert "72 rows" in (found.missing_because or "")


def test_enough_test_rows_are_timed(tmp_path: Path, make_run: Maker) -> None:
    path = write_jsonl(tmp_path / "many.jsonl", make_rows(1200))
    made = make_run(Task(name="t", data=DataSource(file=str(path))), Method.MAJORITY)
    made.run()
    found = metric(made.folder, "latency_p95_ms", "run")
    assert found.n == 200
    assert found.value is not None
    assert found.low is not None
    assert 0 < found.low <= found.value
    timed = parquet.read_table(made.folder.evidence / PREDICTIONS).to_pylist()
    assert sum(row["latency_ms"] is not None for row in timed) == 200


def test_a_run_with_evidence_is_not_done_again(task: Task, make_run: Maker) -> None:
    made = make_run(task, Method.MAJORITY)
    made.run()
    before = made.folder.verified_digest()
    assert made.run(attempt=2).returncode == EXIT_DONE
    assert made.folder.verified_digest() == before
    assert made.folder.manifest().attempt == 1


def test_the_same_spec_gives_the_same_numbers(task: Task, make_run: Maker) -> None:
    found = []
    for name in ("r1", "r2"):
        made = make_run(task, Method.TFIDF, name=name)
        made.run()
        found.append([m for m in made.folder.metrics() if m.split != "run"])
    assert found[0] == found[1]


def test_data_that_changed_since_the_run_was_planned_is_refused(
    task: Task, make_run: Maker
) -> None:
    made = make_run(task, Method.MAJORITY, dataset_digest="0" * 64)
    done = made.run()
    assert done.returncode == EXIT_BAD_INPUT
    assert "not what the run was planned on" in (made.folder.error_message(1) or "")
    assert not made.folder.has_evidence


def test_the_planned_data_is_accepted(task: Task, make_run: Maker) -> None:
    from trainer.data.dataset import load_dataset

    digest = load_dataset(task).version.content_digest
    assert make_run(task, Method.MAJORITY, dataset_digest=digest).run().returncode == EXIT_DONE


def test_bad_rows_end_the_run_with_words_and_no_traceback(tmp_path: Path, make_run: Maker) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('text,label\none,x\n"two,y\n')
    made = make_run(Task(name="t", data=DataSource(file=str(path))), Method.MAJORITY)
    done = made.run()
    assert done.returncode == EXIT_BAD_INPUT
    message = made.folder.error_message(1) or ""
    assert "rows.csv, row 3: quotes are opened and never closed" in message
    last = made.folder.events(1).events[-1]
    assert (last.kind, last.message) == ("failed", message)
    assert "Traceback" not in done.stderr + done.stdout


def test_an_error_of_ours_names_the_log_and_the_log_has_the_traceback(
    task: Task, make_run: Maker
) -> None:
    made = make_run(task, Method.MAJORITY)
    (made.folder.path / "spec.json").write_text("{}")
    done = made.run()
    assert done.returncode == EXIT_FAILED
    assert "The log of r1" in (made.folder.error_message(1) or "")
    assert "Traceback" in done.stderr
    assert done.stdout == ""


def test_a_base_that_is_not_there_is_named(task: Task, make_run: Maker, tmp_path: Path) -> None:
    made = make_run(task, Method.LORA, base=tmp_path / "nowhere")
    assert made.run().returncode == EXIT_BAD_INPUT
    assert "nowhere' does not exist" in (made.folder.error_message(1) or "")


def _leaking(folder: Path, overlap: Literal["drop", "keep"]) -> Task:
    """A task whose training file holds 20 % of the test rows."""
    rows = make_rows(800)
    train = write_jsonl(folder / "train.jsonl", [*rows[:400], *rows[400:480]])
    test = write_jsonl(folder / "test.jsonl", rows[400:])
    return Task(name="t", data=DataSource(train=str(train), test=str(test), overlap=overlap))


def _leakage(made: Made) -> Check:
    return next(c for c in made.folder.checks() if c.id == "leakage_exact")


def test_test_rows_in_train_are_kept_out_and_flagged(tmp_path: Path, make_run: Maker) -> None:
    made = make_run(_leaking(tmp_path, "drop"), Method.TFIDF)
    assert made.run().returncode == EXIT_DONE
    found = _leakage(made)
    assert (found.outcome, found.value) == (Outcome.WARN, pytest.approx(0.2))
    assert "kept out before training" in found.reason
    assert made.folder.dataset().quality.kept_out_of_train == 80


def test_test_rows_that_are_trained_on_fail_and_the_clean_score_is_shown(
    tmp_path: Path, make_run: Maker
) -> None:
    made = make_run(_leaking(tmp_path, "keep"), Method.TFIDF)
    assert made.run().returncode == EXIT_DONE
    found = _leakage(made)
    assert (found.outcome, found.value) == (Outcome.FAIL, pytest.approx(0.2))
    clean = [m for m in made.folder.metrics() if m.group == "subset:clean"]
    assert {m.name for m in clean} == {"accuracy", "macro_f1"}
    assert all(m.n <= 320 for m in clean)
    assert f"On the {clean[0].n} clean rows macro_f1 is" in found.reason


def test_every_check_of_a_run_is_there_and_says_why(task: Task, make_run: Maker) -> None:
    made = make_run(task, Method.TFIDF)
    made.run()
    found = {check.id: check for check in made.folder.checks()}
    assert set(found) == {
        *("overfit_gap", "overfit_upturn", "underfit"),
        *("bias_groups", "bias_amplification", "bias_counterfactual", "stereotypes"),
        *("forgetting_text", "forgetting_tasks", "lexical_support"),
        *("leakage_exact", "leakage_near", "membership", "calibration", "adapter_reload"),
    }
    assert found["overfit_upturn"].outcome is Outcome.NOT_RUN
    assert found["adapter_reload"].outcome is Outcome.PASS
    assert all(check.reason for check in found.values())


def test_a_cheap_method_never_loads_torch(task: Task, make_run: Maker) -> None:
    made = make_run(task, Method.TFIDF)
    words = "import sys; from trainer.__main__ import main; main(sys.argv[1:]); "
    words += "sys.exit(any(name in sys.modules for name in ('torch', 'transformers')))"
    done = subprocess.run(
        [sys.executable, "-c", words, *made.command()[3:]], cwd=ROOT, check=False, timeout=120
    )
    assert done.returncode == 0
    assert made.folder.has_evidence


# --- looking at data ------------------------------------------------------------------------------


def ask_trainer(verb: str, given: str, *more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "trainer", verb, *more],
        input=given,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )


def test_inspect_prints_the_version_that_a_run_records(task: Task, make_run: Maker) -> None:
    made: Made = make_run(task, Method.MAJORITY)
    made.run()
    done = ask_trainer("inspect", task.model_dump_json(), "-")
    assert done.returncode == EXIT_DONE
    assert json.loads(done.stdout) == made.folder.dataset().model_dump(mode="json")


def planned(task: Task, base: Path, **training: int) -> Prospect:
    spec = RunSpec(
        task=task,
        method=Method.LORA,
        base=BaseRef(name="given", path=str(base)),
        training=Training.model_validate(training),
        device="cpu",
    )
    done = ask_trainer("plan", spec.model_dump_json())
    assert done.returncode == EXIT_DONE, done.stderr
    return Prospect.model_validate_json(done.stdout)


def test_a_plan_counts_tokens_and_says_what_fits(task: Task, tiny_bert: Path) -> None:
    found = planned(task, tiny_bert)
    quality = found.dataset.quality
    assert quality.token_limit == 16
    assert (quality.tokens_median or 0) <= (quality.tokens_p95 or 0) <= (quality.tokens_max or 0)
    assert found.problems == ()
    assert found.memory is not None
    assert "It fits: about 0." in found.memory.in_words()
    assert planned(task, tiny_bert, max_tokens=64).dataset.quality.rows_over_limit == 0


def test_a_base_of_seventy_billion_parameters_does_not_fit_and_the_plan_says_by_how_much(
    task: Task, tmp_path: Path
) -> None:
    shape = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": 8192,
        "intermediate_size": 28672,
        "num_hidden_layers": 80,
        "num_attention_heads": 64,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
        "max_position_embeddings": 8192,
    }
    (tmp_path / "config.json").write_text(json.dumps(shape))
    found = planned(task, tmp_path)
    assert found.memory is not None
    # Meta's own count is 70.55 billion; norms are not counted here.
    assert found.memory.parameters == pytest.approx(70.55e9, rel=0.001)
    words = found.memory.in_words()
    assert re.search(r"It does not fit, by \d\d\d\.\d GB: about 468\.8 GB", words)
    assert len(found.problems) == 2  # neither weights nor a tokenizer are there
    base = BaseRef(name="given", path=str(tmp_path))
    spec = RunSpec(task=task, method=Method.LORA, base=base, device="cpu")
    with pytest.raises(BadInput, match="does not fit, by"):
        require_room(spec, base, tmp_path, 128)


def test_a_plan_tells_of_a_base_that_cannot_be_used(task: Task, tmp_path: Path) -> None:
    found = planned(task, tmp_path / "nowhere")
    assert "does not exist" in " ".join(found.problems)
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "config.json").write_text("{}")
    assert "tokenizer.json" in " ".join(planned(task, tmp_path / "half").problems)


def test_inspect_answers_bad_input_with_one_json_object(task: Task) -> None:
    data = task.data.model_copy(update={"text": "message"})
    done = ask_trainer("inspect", task.model_copy(update={"data": data}).model_dump_json(), "-")
    assert done.returncode == EXIT_BAD_INPUT
    error = json.loads(done.stdout)["error"]
    assert error["kind"] == "BadData"
    assert "'message'" in error["message"]
    assert "Traceback" not in done.stderr


def test_inspect_refuses_what_is_not_a_task(task: Task, tmp_path: Path) -> None:
    path = tmp_path / "task.json"
    path.write_text('{"name": "A Name"}')
    done = subprocess.run(
        [sys.executable, "-m", "trainer", "inspect", str(path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == EXIT_BAD_INPUT
    message = TypeAdapter(dict[str, dict[str, str]]).validate_json(done.stdout)["error"]["message"]
    assert "not a Task" in message

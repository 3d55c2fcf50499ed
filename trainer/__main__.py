"""`tuneboard-train`: fit one run from its folder, or look at a task's data.

    tuneboard-train run RUN_DIR ATTEMPT                 makes the evidence of a run
    tuneboard-train inspect TASK.json [--base PATH]     prints a DatasetVersion; `-` is stdin
    tuneboard-train reload RUN_DIR [--adapter PATH]     scores texts with a saved model
    tuneboard-train forgetting [--texts F] [--suite F]  checks what a language model forgot
    tuneboard-train import RUN_DIR FILE                 evidence of predictions made elsewhere
    tuneboard-train merge RUN_DIR FOLDER                adapter and base as one model
    tuneboard-train support FILE                        checks answers against their sources

Exit codes: 0 done, 1 failed, 2 bad input, 3 refused, 4 out of memory, 143 cancelled. What is
printed is one JSON object; everything else, tracebacks too, goes to the log (standard error).
"""

import argparse
import errno
import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TextIO

from pydantic import TypeAdapter, ValidationError

from storage.errors import BadInput, CorruptFolder, UserError
from storage.records import (
    EXIT_CANCELLED,
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_OUT_OF_MEMORY,
    BaseRef,
    Policy,
    RunSpec,
    Task,
)
from storage.run_folder import RunFolder
from trainer.collecting import collect_seldom
from trainer.progress import Progress
from trainer.settings import Settings, limit_threads
from trainer.stopping import Cancelled, StopRequest

log = logging.getLogger("trainer")

SPARE = ".spare"
SPARE_BYTES = 16_384
"""Room that an attempt keeps, so that on a full disk it can still say so."""

# The parts that compute are imported inside the functions below: numpy and torch read the number of
# threads when they are imported, and `inspect` must not wait for what it does not use.


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; the exit code."""
    asked = _parser().parse_args(words)
    collect_seldom()
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    threads = Settings().threads_or_cores
    limit_threads(threads)
    if asked.verb == "run":
        return _run(RunFolder(Path(asked.run_dir)), asked.attempt, threads)
    if asked.verb == "serve":
        return _serve(asked)
    if asked.verb == "help-train":
        return _help_train(RunFolder(Path(asked.run_dir)), asked.attempt, threads, asked.parent)
    with _only_json_on_stdout() as out:
        try:
            found = ANSWERS[asked.verb](asked)
        except UserError as error:
            found = {"error": {"kind": type(error).__name__, "message": str(error)}}
            print(json.dumps(found, ensure_ascii=False), file=out)
            return error.exit_code
        except Exception as error:  # the outermost edge: the log has the traceback
            log.exception("%s failed", asked.verb)
            found = {"error": {"kind": type(error).__name__, "message": str(error)}}
            print(json.dumps(found, ensure_ascii=False), file=out)
            return EXIT_FAILED
        print(json.dumps(found, ensure_ascii=False), file=out)
        return EXIT_DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tuneboard-train", description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="make the evidence of a run from its folder")
    run.add_argument("run_dir")
    run.add_argument("attempt", type=int)
    helper = verbs.add_parser("help-train", help="one more process of a run's training")
    helper.add_argument("run_dir")
    helper.add_argument("attempt", type=int)
    helper.add_argument("parent", type=int, help="the process that it helps, and dies with")
    serve = verbs.add_parser("serve", help="answer over HTTP, to try a finished run")
    serve.add_argument("run_dir")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=0)
    serve.add_argument("--idle", type=float, default=600.0, help="seconds until it ends by itself")
    inspect = verbs.add_parser("inspect", help="read, check and hash a task's data; prints JSON")
    inspect.add_argument("task", help="a Task record as JSON; - reads standard input")
    verbs.add_parser("bases", help="size, context and memory of bases, of BaseRefs (stdin)")
    verbs.add_parser("plan", help="what is known of a run before it starts, of a RunSpec (stdin)")
    reload = verbs.add_parser("reload", help="score texts (JSON on standard input) again")
    reload.add_argument("run_dir")
    reload.add_argument("--adapter", help="folder of the saved model; the run's own if left out")
    forgetting = verbs.add_parser("forgetting", help="check likelihoods and answers given as files")
    forgetting.add_argument("--texts", help="JSON lines: base_nats, tuned_nats, bytes")
    forgetting.add_argument("--suite", help="JSON lines: subtask, base_correct, tuned_correct")
    imported = verbs.add_parser("import", help="make evidence of predictions from elsewhere")
    imported.add_argument("run_dir")
    imported.add_argument("file", help="JSON lines or Parquet")
    merge = verbs.add_parser("merge", help="write adapter and base as one model, proven equal")
    merge.add_argument("run_dir")
    merge.add_argument("folder")
    merge.add_argument("--gguf", action="store_true", help="also by llama.cpp's converter")
    merge.add_argument("--push", help="also to a hub: ORG/NAME, private")
    support = verbs.add_parser("support", help="check answers against the texts they came from")
    support.add_argument("file", help="JSON lines: answer, sources (id to text)")
    return parser


@contextmanager
def _only_json_on_stdout() -> Iterator[TextIO]:
    """Standard output for our one object; what libraries print goes to standard error."""
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        yield out


# --- run -----------------------------------------------------------------------------------------


def _run(folder: RunFolder, attempt: int, threads: int) -> int:
    """Run one attempt; what went wrong is left in words in `error.json`."""
    stop = StopRequest()
    stop.install()
    if not folder.path.is_dir():
        log.error("there is no run folder %s", folder.path)
        return BadInput.exit_code
    folder.attempt(attempt).mkdir(exist_ok=True)
    spare = folder.attempt(attempt) / SPARE
    spare.write_bytes(bytes(SPARE_BYTES))
    try:
        return _run_attempt(folder, attempt, threads, stop)
    finally:
        spare.unlink(missing_ok=True)


def _run_attempt(folder: RunFolder, attempt: int, threads: int, stop: StopRequest) -> int:
    with Progress(folder, attempt) as progress:
        try:
            from trainer.job import Job, run_job

            run_job(Job(folder, attempt, threads, progress, stop, Settings().processes))
        except Cancelled:
            log.info("%s cancelled", folder.run_id)
            progress.failed("cancelled")
            return EXIT_CANCELLED
        except UserError as error:
            return _left_behind(folder, attempt, progress, error, str(error), error.exit_code)
        except Exception as error:  # the outermost edge: the log has the traceback
            log.exception("%s failed", folder.run_id)
            code, message = _in_words(error, folder.run_id)
            return _left_behind(folder, attempt, progress, error, message, code)
    return EXIT_DONE


def _help_train(folder: RunFolder, attempt: int, threads: int, parent: int) -> int:
    """Help the process that started this one; what goes wrong here is seen there."""
    from trainer.crew import die_with
    from trainer.engines.ranks import from_environment
    from trainer.job import Job, help_train

    die_with(parent)
    stop = StopRequest()
    stop.install()
    help_train(
        Job(folder, attempt, threads, Progress(folder, attempt, mute=True), stop),
        from_environment(),
    )
    return EXIT_DONE


def _serve(asked: argparse.Namespace) -> int:
    """Serve a run until nobody asks; says its address as one line of JSON."""
    from trainer.serving import opened, serve

    token = Settings().serve_token
    if token is None:
        log.error("TUNEBOARD_SERVE_TOKEN is needed in the environment: what askers must know")
        return BadInput.exit_code
    try:
        served = opened(RunFolder(Path(asked.run_dir)))
        serve(served, token.get_secret_value(), asked.host, asked.port, asked.idle, _told)
    except (UserError, CorruptFolder, OSError) as error:
        log.error("%s", error)
        return BadInput.exit_code
    except KeyboardInterrupt:
        pass
    return EXIT_DONE


def _told(address: str) -> None:
    sys.stdout.write(json.dumps({"address": address}) + "\n")
    sys.stdout.flush()


def _left_behind(
    folder: RunFolder, attempt: int, progress: Progress, error: Exception, message: str, code: int
) -> int:
    log.error("%s: %s", folder.run_id, message)
    (folder.attempt(attempt) / SPARE).unlink(missing_ok=True)
    try:
        folder.write_error(attempt, type(error).__name__, message)
        progress.failed(message)
    except OSError:
        log.exception("%s: what went wrong could not be written down", folder.run_id)
    return code


def _in_words(error: Exception, run_id: str) -> tuple[int, str]:
    """An exit code and a message for what is not the person's to mend."""
    from trainer.crew import HelperDied
    from trainer.reloading import ReloadFailed

    # torch.OutOfMemoryError is a RuntimeError; its name is enough, torch need not be imported.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        advice = "Use a smaller batch_size, max_tokens or base."
        return EXIT_OUT_OF_MEMORY, f"Out of memory while training. {advice}"
    if _is_full_disk(error):
        return EXIT_FAILED, (
            "The disk is full. Nothing that was finished is lost, the last whole checkpoint "
            "neither: free some room and start the run again."
        )
    if isinstance(error, HelperDied):
        return EXIT_FAILED, str(error)
    if isinstance(error, ReloadFailed):
        return EXIT_FAILED, f"{error} The run does not count."
    return EXIT_FAILED, (
        f"The trainer met an error of its own ({type(error).__name__}). "
        f"The log of {run_id} has the details."
    )


def _is_full_disk(error: Exception) -> bool:
    """Told by the system, or by safetensors, which only has the system's words."""
    full = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
    return full or "No space left on device" in str(error)


# --- inspect and reload --------------------------------------------------------------------------


def _inspect(asked: argparse.Namespace) -> dict[str, object]:
    from trainer.data.dataset import load_dataset

    return load_dataset(_task(asked.task)).version.model_dump(mode="json")


def _plan(asked: argparse.Namespace) -> dict[str, object]:
    from trainer.prospect import prospect_of

    try:
        spec = RunSpec.model_validate_json(sys.stdin.read())
    except ValidationError as error:
        raise BadInput(f"Standard input is not a RunSpec as JSON: {error}") from error
    return prospect_of(spec).model_dump(mode="json")


def _bases(asked: argparse.Namespace) -> dict[str, object]:
    from trainer.prospect import look_at

    try:
        refs = TypeAdapter(list[BaseRef]).validate_json(sys.stdin.read())
    except ValidationError as error:
        raise BadInput(f"Standard input is no list of BaseRefs as JSON: {error}") from error
    return {"bases": [look_at(ref) for ref in refs]}


def _task(name: str) -> Task:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        return Task.model_validate_json(text)
    except OSError as error:
        raise BadInput(f"Task file {name!r} cannot be read: {error.strerror}.") from error
    except (ValidationError, UnicodeDecodeError) as error:
        raise BadInput(f"{name!r} is not a Task record as JSON: {error}") from error


def _reload(asked: argparse.Namespace) -> dict[str, object]:
    from trainer.reloading import answer_reload

    folder = RunFolder(Path(asked.run_dir))
    adapter = Path(asked.adapter) if asked.adapter else folder.adapter
    return answer_reload(adapter, sys.stdin.read())


# --- checks on files -----------------------------------------------------------------------------


def _forgetting(asked: argparse.Namespace) -> dict[str, object]:
    from trainer.checks import forgetting_tasks, forgetting_text
    from trainer.evaluate.forgetting import kept, price_tag, text_ratio
    from trainer.evaluate.loss_files import read_retention, read_text_losses

    if not asked.texts and not asked.suite:
        raise BadInput("Nothing to check: give --texts FILE, --suite FILE, or both.")
    texts = read_text_losses(Path(asked.texts)) if asked.texts else None
    suite = read_retention(Path(asked.suite)) if asked.suite else None
    checks = [forgetting_text.check(texts, Policy())] if texts else []
    checks += [forgetting_tasks.check(suite, Policy())] if suite else []
    tag = price_tag(None, text_ratio(texts) if texts else None, kept(suite) if suite else None)
    return {"checks": [check.model_dump(mode="json") for check in checks], "price_tag": tag}


def _support(asked: argparse.Namespace) -> dict[str, object]:
    from trainer.checks import lexical_support
    from trainer.evaluate.loss_files import read_answers

    found = lexical_support.check(read_answers(Path(asked.file)))
    return {"checks": [found.model_dump(mode="json")]}


def _import(asked: argparse.Namespace) -> dict[str, object]:
    """What was given with the predictions stands on standard input as JSON."""
    from trainer.importing import Given, import_run

    given = json.load(sys.stdin)
    import_run(RunFolder(Path(asked.run_dir)), Path(asked.file), Given(**given))
    return {"run": Path(asked.run_dir).name}


def _merge(asked: argparse.Namespace) -> dict[str, object]:
    from trainer import merging

    target = Path(asked.folder)
    found = merging.merge(RunFolder(Path(asked.run_dir)), target)
    found |= merging.to_gguf(target) if asked.gguf else {}
    return found | (merging.push(target, asked.push) if asked.push else {})


ANSWERS = {
    "merge": _merge,
    "import": _import,
    "inspect": _inspect,
    "plan": _plan,
    "bases": _bases,
    "reload": _reload,
    "forgetting": _forgetting,
    "support": _support,
}


def _leave(code: int) -> NoReturn:
    """End at once: to take an interpreter apart that has torch and transformers takes a second."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _leave(main())

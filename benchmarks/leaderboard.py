"""How long pages take on large boards, and how much they send.

    python -m benchmarks.leaderboard [RUNS …]

A small home of real rows is made and published; its runs are copied inside the board until there
are so many (10,000 and 100,000 where none are given), with about 76 numbers each. Then each page is
drawn by Streamlit's own runner: once cold (a new publication), and again. What a page sends is the
size of its elements. No browser is timed; the numbers are the server's.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import duckdb
from streamlit.testing.v1 import AppTest

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import golden

from bot.hosts.projection import project
from storage.board_reader import newest_snapshot, reviews
from storage.home import Home

SIZES = (10_000, 100_000)
OF_TASK = {"task": "tickets"}
PAGES: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("overview", "overview", {}),
    ("board", "board", OF_TASK),
    ("board, filtered", "board", OF_TASK | {"policy": "needs_review", "search": "minilm"}),
    ("run", "run", {}),
    ("compare", "compare", OF_TASK),
    ("tradeoffs", "tradeoffs", OF_TASK),
    ("examples", "examples", OF_TASK),
    ("fairness", "fairness", OF_TASK),
    ("review", "review", {}),
    ("production", "production", {}),
    ("queue", "queue", {}),
)
"""What is printed, the page, its address; run and review get theirs."""
COPIED = {
    "runs": "id",
    "attempts": "run_id",
    "evidence": "run_id",
    "metrics": "run_id",
    "checks": "run_id",
    "differences": "run_id",
    "standings": "run_id",
}


def grown(home: Home, runs: int) -> int:
    """Copy the runs of a published board until there are so many; how many there are."""
    snapshot = newest_snapshot(home)
    assert snapshot
    with duckdb.connect(str(snapshot)) as board:
        (have,) = board.execute("select count(*) from runs").fetchone() or (0,)
        copies = max(0, runs // have - 1)
        board.execute(f"create temp table copies as select i from range(1, {copies + 1}) t(i)")  # noqa: S608
        for table, key in COPIED.items():
            board.execute(f"create temp table now_{table} as select * from {table}")  # noqa: S608
            replaced = [f"{key} || '-' || i as {key}"]
            if table == "standings":
                replaced.append("board_order + i * 1000 as board_order")
            board.execute(
                f"insert into {table} select * exclude (i) replace ({', '.join(replaced)})"  # noqa: S608
                f" from now_{table}, copies"
            )
        (found,) = board.execute("select count(*) from runs").fetchone() or (0,)
        (numbers,) = board.execute("select count(*) from metrics").fetchone() or (0,)
    print(f"\n{found:,} runs, {numbers:,} numbers, {snapshot.stat().st_size / 1e6:.0f} MB")
    return int(found)


def script(name: str) -> None:
    """One page, as Streamlit's runner calls it."""
    from leaderboard.app import PAGES as KNOWN

    KNOWN[name]()


def drawn(name: str, **address: str) -> tuple[float, float, int]:
    """Seconds cold and warm, and the bytes that the page's elements take."""
    import streamlit

    streamlit.cache_data.clear()
    test = AppTest.from_function(script, kwargs={"name": name}, default_timeout=120)
    for key, value in address.items():
        test.query_params[key] = value
    began = time.perf_counter()
    test.run()
    cold = time.perf_counter() - began
    assert not test.exception, test.exception
    began = time.perf_counter()
    test.run()
    warm = time.perf_counter() - began
    protos = (getattr(element, "proto", None) for element in test.main)
    sizes = [proto.ByteSize() for proto in protos if proto is not None]
    return cold, warm, sum(sizes)


def main() -> None:
    sizes = [int(word) for word in sys.argv[1:]] or list(SIZES)
    print(f"date {time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores")
    for runs in sizes:
        with tempfile.TemporaryDirectory() as folder:
            home = golden.make_home(Path(folder), runs=12, test_rows=300)
            project(home)
            grown(home, runs)
            os.environ["TUNEBOARD_HOME"] = str(home.path)
            snapshot = newest_snapshot(home)
            assert snapshot
            waiting = reviews(snapshot)[0]
            asked = {"run": {"run_id": waiting.run_id}, "review": {"review_id": waiting.id}}
            drawn("about")  # the first page of a server loads the libraries, once
            print("| page | cold, s | again, s | sent, kB |\n| --- | --- | --- | --- |")
            for title, name, address in PAGES:
                cold, warm, size = drawn(name, **address, **asked.get(name, {}))
                print(f"| {title} | {cold:.2f} | {warm:.2f} | {size / 1e3:.0f} |")


if __name__ == "__main__":
    main()

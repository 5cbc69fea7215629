"""The load generator tells the truth: exact percentiles, everybody who had to wait is counted, no error is lost.

Without a C compiler there is none, and these are skipped.
"""

from __future__ import annotations

import json
import math
import os
import random
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks import compiled
from benchmarks.bodies import a_body, a_long_body
from benchmarks.load import Ask, figures_of, run_load, running_load
from benchmarks.machine import free_port
from benchmarks.mock import Mock

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module", autouse=True)
def compiler() -> None:
    try:
        compiled.compiler()
    except compiled.NoCompiler as reason:
        pytest.skip(str(reason))


@pytest.fixture
def mock() -> Iterator[Mock]:
    with Mock(free_port()) as running:
        yield running


def ask_of(mock: Mock, **more: object) -> Ask:
    return Ask(mock.port, CHAT, {}, a_body(**more), is_stream=bool(more.get("stream")))


def test_compiles_without_a_warning(tmp_path: Path) -> None:
    for name in ("mock", "load"):
        assert compiled.compiled(name, tmp_path).stat().st_size > 0
    assert "-Werror" in compiled.FLAGS


def test_says_what_to_install_where_nothing_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(compiled.NoCompiler, match=r"no C compiler here \(looked for cc, gcc, clang\)"):
        compiled.compiler()


@pytest.mark.parametrize("size", [1, 2, 99, 100, 101, 1_000, 12_345])
def test_percentiles_are_by_nearest_rank_over_every_sample(size: int, tmp_path: Path) -> None:
    program = tmp_path / "percentiles"
    source = Path(__file__).with_name("percentiles.c")
    subprocess.run(
        [compiled.compiler(), *compiled.FLAGS, f"-I{compiled.SOURCES}", "-o", str(program), str(source)], check=True
    )
    numbers = [random.Random(size).randrange(10**9) for _ in range(size)]

    done = subprocess.run([program], input="\n".join(map(str, numbers)), capture_output=True, text=True, check=True)

    figures = json.loads(done.stdout)["figures"]
    ordered = sorted(numbers)
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999), ("max", 1)):
        assert figures[name] == pytest.approx(ordered[math.ceil(round(size * share, 6)) - 1] / 1000, abs=0.06), name
    assert figures["samples"] == size
    assert figures["mean"] == pytest.approx(sum(numbers) / size / 1000, abs=0.06)


def test_a_server_that_stalls_is_charged_for_everyone_who_waited(mock: Mock) -> None:
    with running_load(ask_of(mock), seconds=2, connections=8, rate=200) as running:
        time.sleep(0.5)
        os.kill(mock.pid, signal.SIGSTOP)
        time.sleep(1)
        os.kill(mock.pid, signal.SIGCONT)
        figures = figures_of(running, 12)

    # 200 of the 400 were due while nothing answered: the first of them waited a second, on average half of one.
    latency = figures["latency_us"]
    assert (figures["planned"], figures["answers"], figures["errors"]) == (400, 400, 0)
    assert latency["p99"] > 900_000
    assert latency["mean"] > 200_000


def test_a_closed_loop_hardly_sees_the_same_stall(mock: Mock) -> None:
    """Why latencies are never taken from it: one request waits, the others are not even asked."""
    with running_load(ask_of(mock), seconds=1.5, connections=1) as running:
        time.sleep(0.3)
        os.kill(mock.pid, signal.SIGSTOP)
        time.sleep(0.6)
        os.kill(mock.pid, signal.SIGCONT)
        figures = figures_of(running, 12)

    assert figures["latency_us"]["max"] > 500_000
    assert figures["latency_us"]["p99"] < 250_000


def test_what_was_due_and_never_sent_is_an_error(mock: Mock) -> None:
    os.kill(mock.pid, signal.SIGSTOP)
    figures = run_load(ask_of(mock), seconds=0.5, connections=2, rate=100, grace=0.2)
    os.kill(mock.pid, signal.SIGCONT)

    assert figures["planned"] == 50
    assert figures["error_kinds"]["unfinished"] == 2
    assert figures["error_kinds"]["unsent"] == 48
    assert figures["answers"] == 0 and figures["latency_us"] is None


def test_latency_and_pace_are_those_of_the_upstream(mock: Mock) -> None:
    mock.behave(head_ms=30, pace_ms=5, chunks=20)

    figures = run_load(
        Ask(mock.port, CHAT, {}, a_body(stream=True), is_stream=True, chunks=20), seconds=0.5, connections=2
    )

    assert figures["errors"] == 0
    assert figures["first_token_us"]["p50"] >= 30_000
    assert figures["latency_us"]["p50"] >= 30_000 + 19 * 5_000
    assert figures["chunk_delay_us"]["samples"] == 20 * figures["answers"]
    # Sender and reader look at the same clock.
    assert 0 < figures["chunk_delay_us"]["p50"] < 1_000_000


def test_asks_at_the_rate_it_was_told(mock: Mock) -> None:
    figures = run_load(Ask(mock.port, CHAT, {}, a_long_body()), seconds=1, connections=50, rate=300, requests=150)

    assert (figures["planned"], figures["answers"], figures["errors"]) == (150, 150, 0)
    assert 0.4 < figures["seconds"] < 5
    assert len(a_long_body()) > 48_000


ANSWERS = {
    "status": b"HTTP/1.1 500 Oops\r\ncontent-length: 2\r\n\r\n{}",
    "content": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
    "closed": b"HTTP/1.1 200 OK\r\ncontent-length: 200\r\n\r\n{}",
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_wrong_answer_is_an_error_of_its_kind(kind: str) -> None:
    with _answering(ANSWERS[kind]) as port:
        figures = run_load(Ask(port, CHAT, {}, b"{}"), seconds=5, connections=1, requests=3)

    assert figures["error_kinds"][kind] == 3
    assert figures["errors"] == 3 and figures["answers"] == 0
    assert figures["first_error"]


def test_a_stream_without_its_end_or_a_chunk_is_an_error(mock: Mock) -> None:
    mock.behave(chunks=19)

    figures = run_load(
        Ask(mock.port, CHAT, {}, a_body(stream=True), is_stream=True, chunks=20), seconds=5, connections=1, requests=2
    )

    assert figures["error_kinds"]["content"] == 2
    assert "19 chunks" in figures["first_error"]


def test_nobody_listening_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))

        figures = run_load(Ask(taken.getsockname()[1], CHAT, {}, b"{}"), seconds=5, connections=1, requests=2)

    assert figures["errors"] == 2 and figures["answers"] == 0


@contextmanager
def _answering(answer: bytes) -> Iterator[int]:
    """A server that gives everyone this answer, then closes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def serve() -> None:
            for _ in range(3):
                connection, _ = server.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(answer.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1))

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)

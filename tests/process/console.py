"""A Python of the product's own that stays open beside it: what a test does in the data folder without loading Django for each line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
# Each code has names of its own and finds the database anew. Answers go by a pipe apart: nothing that is printed can pass for one.
LOOP = """
import contextlib, io, json, os, sys, traceback
import django; django.setup()
from django.db import connections
with os.fdopen(int(sys.argv[1]), "w") as answers:
    for line in sys.stdin:
        printed, error = io.StringIO(), ""
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(json.loads(line), "<console>", "exec"), {"__name__": "__console__"})
        except BaseException:
            error = traceback.format_exc()
        connections.close_all()
        print(json.dumps([printed.getvalue(), error]), file=answers, flush=True)
"""


class Console:
    def __init__(self, environment: Mapping[str, str]) -> None:
        answers, told = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-c", LOOP, str(told)],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.PIPE,
            pass_fds=(told,),
            text=True,
        )
        os.close(told)
        self._answers = os.fdopen(answers)

    def run(self, code: str) -> str:
        """What it printed. Whatever it raised fails the test, with its traceback."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(code) + "\n")
        self._process.stdin.flush()
        answer = self._answers.readline()
        assert answer, f"the console ended with {self._process.wait()}"
        printed, error = json.loads(answer)
        assert not error, error
        return str(printed)

    def close(self) -> None:
        """Harmless a second time."""
        assert self._process.stdin is not None
        if not self._process.stdin.closed:
            self._process.stdin.close()
        self._process.wait()
        self._answers.close()

    def __del__(self) -> None:
        """Whoever forgets one leaves no process behind, nor a warning in the test that runs by then."""
        if hasattr(self, "_answers"):
            self.close()

"""The frame of every operator's command: a document for machines with --json, sentences for people without, errors by code.

A subclass says what it does in `work`, which returns an Answer; nothing else writes to stdout.
"""

from __future__ import annotations

import json
import os
import sys
import textwrap
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, DjangoHelpFormatter
from django.db import DatabaseError

from routerapp.serving.permissions import Actor
from routerapp.serving.refusals import Invalid, Missing, WriteRefused

OK, FOUND, USAGE, REFUSED, UNAVAILABLE = 0, 1, 2, 3, 4
EXIT_CODES = """\
exit codes: 0 done · 1 done, and it found something wrong · 2 wrong arguments · 3 refused · 4 database or data folder not available"""
HELP_WIDTH = 100
OPERATOR = Actor("operator", "system", "admin")


class Failed(Exception):
    """The command cannot do it. code is stable; details are problems as in the API."""

    def __init__(
        self, message: str, *, code: str, exit_code: int = REFUSED, details: Sequence[dict[str, str]] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.exit_code = exit_code
        self.details = list(details)


@dataclass(frozen=True, slots=True)
class Answer:
    """document for --json, text for people. exit_code FOUND says that all worked and something is wrong."""

    document: Any
    text: str
    exit_code: int = OK


class _HelpFormatter(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Examples keep their lines."""


class JsonCommand(BaseCommand):
    example = ""
    requires_system_checks: list[str] = []
    suppressed_base_arguments = {
        "--version",
        "--verbosity",
        "--settings",
        "--pythonpath",
        "--no-color",
        "--force-color",
        "--skip-checks",
    }

    def work(self, **options: Any) -> Answer:
        raise TypeError(f"{type(self).__module__} says nothing to do.")

    def run_from_argv(self, argv: list[str]) -> None:
        """Arguments that cannot be read are an error of our shape as well, when JSON was asked for."""
        self._is_json = "--json" in argv
        super().run_from_argv(argv)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        epilog = "\n\n".join(part for part in (f"example:\n  {self.example}", EXIT_CODES) if part)
        # --version of Django's gives way to a policy's; what a parser says of itself is wrapped here, because examples keep their lines.
        parser = super().create_parser(
            prog_name, subcommand, epilog=epilog, formatter_class=_HelpFormatter, conflict_handler="resolve", **kwargs
        )
        parser.description = textwrap.fill(str(self.help), HELP_WIDTH)
        parser.add_argument("--json", action="store_true", help="one JSON document on stdout, errors as JSON on stderr")
        if getattr(self, "_is_json", False):
            parser.error = self._refuse_arguments  # type: ignore[method-assign]
        return parser

    def handle(self, *args: Any, **options: Any) -> None:
        # What a command writes, a database it opens first included, is for its owner only, as under `run`.
        os.umask(0o077)
        is_json = bool(options["json"])
        try:
            answer = self.work(**options)
        except Failed as failed:
            self._fail(failed, is_json)
        except WriteRefused as refused:
            self._fail(_refusal(refused), is_json)
        except DatabaseError as error:
            self._fail(_no_database(error), is_json)
        else:
            self.stdout.write(_json(answer.document) if is_json else answer.text)
            if answer.exit_code:
                self.stdout.flush()
                sys.exit(answer.exit_code)

    def _fail(self, failed: Failed, is_json: bool) -> NoReturn:
        if not is_json:
            lines = [str(failed), *(f"  {one['path'] or '·'}: {one['message']}" for one in failed.details)]
            raise CommandError("\n".join(lines), returncode=failed.exit_code)
        error = {"code": failed.code, "message": str(failed), "details": failed.details}
        self.stderr.write(_json({"error": error}))
        sys.exit(failed.exit_code)

    def _refuse_arguments(self, message: str) -> NoReturn:
        self._fail(Failed(message, code="usage", exit_code=USAGE), is_json=True)


def input_argument(parser: ArgumentParser, name: str, help: str) -> None:
    """A file's path, or - for standard input."""
    parser.add_argument(name, metavar="FILE", help=f"{help}; - reads standard input")


def read_input(path: str, most_bytes: int) -> str:
    """Raises Failed for what cannot be read, is too long or is no UTF-8."""
    try:
        if path == "-":
            content = sys.stdin.buffer.read(most_bytes + 1)
        else:
            with open(path, "rb") as file:
                content = file.read(most_bytes + 1)
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error.strerror}.", code="unreadable_file", exit_code=USAGE) from None
    if len(content) > most_bytes:
        raise Failed(f"{path} is longer than {most_bytes:,} bytes.", code="too_large", exit_code=USAGE)
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Failed(f"{path} is not UTF-8 text.", code="not_utf8", exit_code=USAGE) from None


def _refusal(refused: WriteRefused) -> Failed:
    if isinstance(refused, Invalid):
        details = [{"path": one.path, "code": one.code, "message": one.message} for one in refused.problems]
        return Failed("This cannot be used.", code=refused.code, details=details)
    return Failed(str(refused), code=refused.code, exit_code=USAGE if isinstance(refused, Missing) else REFUSED)


def _no_database(error: DatabaseError) -> Failed:
    hint = " Start Signalbox once to make its tables." if "no such table" in str(error) else ""
    return Failed(f"The database does not answer: {error}.{hint}", code="database_unavailable", exit_code=UNAVAILABLE)


def _json(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2, default=str)

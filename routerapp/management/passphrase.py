"""Where the passphrase of a backup comes from: the environment or standard input, never an argument others could see."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings

from routerapp.management.json_command import USAGE, Failed

VARIABLE = "SIGNALBOX_BACKUP_PASSPHRASE"
MOST_CHARACTERS = 1_000


def passphrase_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--passphrase-stdin",
        action="store_true",
        help=f"read the passphrase from the first line of standard input instead of {VARIABLE}",
    )


def read_passphrase(options: dict[str, Any]) -> str | None:
    """None when nobody gave one."""
    if not options["passphrase_stdin"]:
        return settings.ENVIRONMENT.backup_passphrase or None
    line = sys.stdin.readline(MOST_CHARACTERS + 2).rstrip("\r\n")
    if not line or len(line) > MOST_CHARACTERS:
        raise Failed(
            f"Standard input begins with no passphrase of 1 to {MOST_CHARACTERS} characters.",
            code="no_passphrase",
            exit_code=USAGE,
        )
    return line

"""`backup`: everything an installation is, in one file, while it runs."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings

from routerapp.management.json_command import OPERATOR, UNAVAILABLE, USAGE, Answer, Failed, JsonCommand
from routerapp.management.passphrase import VARIABLE, passphrase_arguments, read_passphrase
from routerapp.serving import audit
from routerapp.store.backup import Made, make_backup
from routerapp.store.backup_format import BadBackup


class Command(JsonCommand):
    help = (
        "Write one file with the database, the journal that is not in it yet and the secrets of the data folder. Signalbox goes on "
        f"serving meanwhile. The secrets are sealed with the passphrase in {VARIABLE}."
    )
    example = f"{VARIABLE}='four words nobody guesses' python manage.py backup signalbox.backup"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="where to write it; must not exist yet")
        passphrase_arguments(parser)
        parser.add_argument(
            "--include-secrets-plain",
            action="store_true",
            help="put the secrets in as they are, without a passphrase: whoever has the file has every credential",
        )

    def work(self, **options: Any) -> Answer:
        passphrase = read_passphrase(options)
        is_plain = options["include_secrets_plain"]
        if is_plain == bool(passphrase):
            raise Failed(_one_of_two(bool(passphrase)), code="passphrase_needed", exit_code=USAGE)
        target = Path(options["file"]).expanduser().absolute()
        try:
            made = make_backup(settings.DATA_DIR, target, passphrase)
        except BadBackup as error:
            raise Failed(str(error), code="cannot_back_up") from None
        except OSError as error:
            raise Failed(
                f"{target} cannot be written: {error.strerror or error}.", code="disk_refuses", exit_code=UNAVAILABLE
            ) from None
        audit.record(
            OPERATOR, "backup", "installation", after={"bytes": made.bytes, "is_sealed": made.manifest.is_sealed}
        )
        return Answer(_document(made), _text(made))


def _one_of_two(has_passphrase: bool) -> str:
    if has_passphrase:
        return f"Give either a passphrase or --include-secrets-plain; {VARIABLE} is set."
    return f"Set {VARIABLE} or use --passphrase-stdin to seal the secrets; --include-secrets-plain leaves them open."


def _document(made: Made) -> dict[str, Any]:
    return {"file": str(made.path), "bytes": made.bytes, "manifest": msgspec.to_builtins(made.manifest)}


def _text(made: Made) -> str:
    sealed = "sealed with the passphrase; without it they are lost" if made.manifest.is_sealed else "IN PLAIN"
    return f"{made.path}: {made.bytes:,} bytes, {len(made.manifest.files)} files. Its secrets are {sealed}."

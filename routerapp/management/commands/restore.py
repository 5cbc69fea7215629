"""`restore`: a backup into an empty data folder."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from routerapp.management.folder_lock import LOCKS, stopped_product
from routerapp.management.json_command import OPERATOR, UNAVAILABLE, Answer, Failed, JsonCommand
from routerapp.management.passphrase import VARIABLE, passphrase_arguments, read_passphrase
from routerapp.root_secret import FILE_NAME as ROOT_SECRET
from routerapp.serving import audit
from routerapp.store.backup_format import BadBackup
from routerapp.store.restore import FolderNotEmpty, Restored, refuse_used_folder, restore_backup


class Command(JsonCommand):
    help = (
        "Put a backup into an empty data folder (SIGNALBOX_DATA_DIR). Everything is checked before anything is put in place. "
        "Afterwards `make run` serves the same decisions, charts, people and keys."
    )
    example = f"SIGNALBOX_DATA_DIR=/srv/signalbox {VARIABLE}='…' python manage.py restore signalbox.backup"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="a file that `backup` wrote")
        passphrase_arguments(parser)

    def work(self, **options: Any) -> Answer:
        environment = settings.ENVIRONMENT
        folder, passphrase = environment.data_dir, read_passphrase(options)
        try:
            refuse_used_folder(folder, is_new=environment.is_new_folder)
            with stopped_product(folder):
                restored = restore_backup(Path(options["file"]).expanduser(), folder, passphrase)
        except (BadBackup, OSError) as error:
            if environment.is_new_folder and not isinstance(error, FolderNotEmpty):
                _leave_as_it_was(folder)
            if isinstance(error, OSError):
                raise Failed(str(error), code="disk_refuses", exit_code=UNAVAILABLE) from None
            raise Failed(str(error), code="cannot_restore") from None
        call_command("migrate", verbosity=0, interactive=False)
        audit.record(OPERATOR, "restore", "installation", after={"made_at": restored.manifest.made_at})
        connection.close()
        return Answer(_document(folder, restored), _text(folder, restored))


def _leave_as_it_was(folder: Path) -> None:
    """What only starting this command has made here goes again, so that the next try finds an empty folder."""
    for name in (ROOT_SECRET, *LOCKS):
        (folder / name).unlink(missing_ok=True)


def _document(folder: Path, restored: Restored) -> dict[str, Any]:
    return {"data_folder": str(folder), "manifest": msgspec.to_builtins(restored.manifest)}


def _text(folder: Path, restored: Restored) -> str:
    manifest = restored.manifest
    return (
        f"{folder} is as it was at {manifest.made_at} (Signalbox {manifest.product_version}, {len(manifest.files)} files checked). "
        "`make run` starts it."
    )

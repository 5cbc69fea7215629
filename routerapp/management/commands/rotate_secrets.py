"""`rotate_secrets`: a new root secret, every ciphertext made anew under it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils import timezone

from routerapp.management.folder_lock import stopped_product
from routerapp.management.json_command import OPERATOR, Answer, Failed, JsonCommand
from routerapp.serving import audit
from routerapp.store.last_good import FILE_NAME as LAST_GOOD
from routerapp.store.secret_rotation import rotate_root_secret
from routerapp.store.secrets import SecretRefused, WrongDataFolder, check_canary


class Command(JsonCommand):
    help = (
        "Replace the root secret and encrypt every stored credential, second factor and alert secret anew. Signalbox must be stopped. "
        "API keys go on working; everybody signs in again. Interrupted, it goes on where it stopped."
    )
    example = "python manage.py rotate_secrets"

    def work(self, **options: Any) -> Answer:
        began = timezone.now()
        folder = settings.DATA_DIR
        with stopped_product(folder):
            try:
                # Before anything is changed: a database that does not answer, or is another folder's.
                check_canary()
                rotation = rotate_root_secret(folder)
            except WrongDataFolder as error:
                raise Failed(str(error), code="wrong_data_folder") from None
            except SecretRefused as error:
                raise Failed(
                    f"{error} Nothing was lost: old and new secret are both in {folder / 'root.key'}. "
                    "Enter that credential anew, then run this again.",
                    code="unreadable_ciphertext",
                ) from None
            # Sealed with the secret that is gone; the next start writes another.
            (folder / LAST_GOOD).unlink(missing_ok=True)
            audit.record(
                OPERATOR,
                "rotate_secrets",
                "installation",
                after={"renewed": rotation.renewed, "resumed": rotation.was_resumed},
            )
        seconds = (timezone.now() - began).total_seconds()
        total = sum(rotation.renewed.values())
        document = {"renewed": rotation.renewed, "resumed": rotation.was_resumed, "seconds": seconds}
        lines = [f"{total} ciphertexts are under the new secret; the old one is gone."]
        if rotation.was_resumed:
            lines.insert(0, "Went on with a rotation that was interrupted.")
        lines.append("Make a new backup: older ones open with the secret they hold, not with this one.")
        return Answer(document, "\n".join(lines))

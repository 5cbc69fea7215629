"""Rotating the root secret: a new one in front, every ciphertext made anew under it, then the old one gone.

Each step can be interrupted: the file that holds both secrets is written first, and what is already renewed is left alone on resuming.
Nobody may serve meanwhile; the command that calls this holds the supervisor's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import models, transaction

from routerapp.models import AlertChannel, Credential, InstallationState, SecondFactor
from routerapp.root_secret import (
    FILE_NAME,
    RootSecret,
    begin_rotation,
    end_rotation,
    read_root_secret,
    replace_root_secret,
)
from routerapp.store import secrets

BATCH = 200


@dataclass(frozen=True, slots=True)
class Ciphertexts:
    """One column of ciphertexts and the purpose they were encrypted for."""

    table: type[models.Model]
    column: str
    purpose: str

    @property
    def name(self) -> str:
        return f"{self.table.__name__}.{self.column}"


# Every column that holds a ciphertext; a test looks for one that is missing here.
CIPHERTEXTS = (
    Ciphertexts(Credential, "ciphertext", secrets.CREDENTIAL),
    Ciphertexts(SecondFactor, "ciphertext", secrets.SECOND_FACTOR),
    Ciphertexts(AlertChannel, "ciphertext", secrets.ALERT_CHANNEL),
    Ciphertexts(AlertChannel, "address_ciphertext", secrets.ALERT_ADDRESS),
    Ciphertexts(InstallationState, "canary", secrets.CANARY),
)


@dataclass(frozen=True, slots=True)
class Rotation:
    """renewed: how many ciphertexts of each column this run made anew."""

    was_resumed: bool
    renewed: dict[str, int]


def rotate_root_secret(folder: Path, on_step: Callable[[str], None] = lambda step: None) -> Rotation:
    """Goes on where an interrupted rotation stopped, else begins one. on_step hears of each step that is safely done.

    Raises SecretRefused when a ciphertext opens with none of the secrets; then both secrets stay and nothing is lost.
    """
    path = folder / FILE_NAME
    secret = read_root_secret(path)
    was_resumed = secret.is_rotating
    if not was_resumed:
        secret = begin_rotation(secret)
        replace_root_secret(path, secret)
        on_step("prepared")
    renewed = {}
    for column in CIPHERTEXTS:
        renewed[column.name] = sum(_renew(column, secret, on_step))
    _refuse_leftovers(end_rotation(secret))
    replace_root_secret(path, end_rotation(secret))
    on_step("finished")
    return Rotation(was_resumed, renewed)


def _renew(column: Ciphertexts, secret: RootSecret, on_step: Callable[[str], None]) -> Iterator[int]:
    """Batch by batch; yields how many each renewed."""
    last: Any = 0
    while True:
        with transaction.atomic():
            rows = list(_rows(column).filter(pk__gt=last).order_by("pk").select_for_update()[:BATCH])
            changed = [row for row in rows if _renew_row(row, column, secret)]
            column.table._default_manager.bulk_update(changed, [column.column])
        if not rows:
            return
        on_step(f"{column.name} to {rows[-1].pk}")
        last = rows[-1].pk
        yield len(changed)


def _renew_row(row: models.Model, column: Ciphertexts, secret: RootSecret) -> bool:
    fresh = secrets.renewed(column.purpose, getattr(row, column.column), secret)
    if fresh is not None:
        setattr(row, column.column, fresh)
    return fresh is not None


def _refuse_leftovers(alone: RootSecret) -> None:
    """The old secret goes only when everything opens without it. Raises SecretRefused."""
    for column in CIPHERTEXTS:
        for row in _rows(column).iterator(chunk_size=BATCH):
            secrets.renewed(column.purpose, getattr(row, column.column), alone)


def _rows(column: Ciphertexts) -> models.QuerySet[Any]:
    return column.table._default_manager.exclude(**{column.column: ""})

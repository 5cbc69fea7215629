"""Secrets at rest and keyed hashes: the only place that encrypts, decrypts or peppers anything.

One derived key per purpose, and the row's id inside the plaintext: a ciphertext works only for the purpose and row it was made for.
Never logs or quotes a plaintext.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import transaction

from routerapp.logs.redaction import redactor
from routerapp.models import InstallationState
from routerapp.root_secret import RootSecret, derive_key

CREDENTIAL = "provider-credential"
SECOND_FACTOR = "second-factor"
ALERT_CHANNEL = "alert-channel"
ALERT_ADDRESS = "alert-address"
API_KEY = "api-key"
CANARY = "canary"
SHA256_BLOCK_BYTES = 64


class SecretRefused(Exception):
    """A ciphertext cannot be used here: other key, other purpose, other row, or damaged."""


class WrongDataFolder(Exception):
    """The database was written with another data folder's key."""


def derived_key(purpose: str) -> bytes:
    """32 bytes for one purpose, derived from the data folder's root secret."""
    return _derived(settings.ENVIRONMENT.root_secret, purpose)


@lru_cache(maxsize=64)
def _derived(root_secret: bytes, purpose: str) -> bytes:
    return derive_key(root_secret, purpose)


def _fernet(purpose: str) -> MultiFernet:
    """Encrypts with the newest secret; decrypts with every one a rotation has not done away with yet."""
    environment = settings.ENVIRONMENT
    return MultiFernet([_one_fernet(secret, purpose) for secret in (environment.root_secret, *environment.old_secrets)])


def _one_fernet(secret: bytes, purpose: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(_derived(secret, f"secret/{purpose}")))


def renewed(purpose: str, ciphertext: str, secret: RootSecret) -> str | None:
    """The same under the primary of this secret; None when it is already. Raises SecretRefused when no secret opens it."""
    primary = _one_fernet(secret.primary, purpose)
    try:
        primary.decrypt(ciphertext.encode())
    except InvalidToken:
        pass
    else:
        return None
    every = MultiFernet([primary, *(_one_fernet(old, purpose) for old in secret.old)])
    try:
        return every.rotate(ciphertext.encode()).decode()
    except InvalidToken:
        raise SecretRefused(f"A ciphertext for {purpose} opens with no secret of this data folder.") from None


def opens(purpose: str, ciphertext: str, secret: RootSecret) -> bool:
    """Whether this data folder's secrets, not the running process's, open the ciphertext."""
    try:
        renewed(purpose, ciphertext, secret)
    except SecretRefused:
        return False
    return True


def encrypt(purpose: str, row_id: str, plaintext: str) -> str:
    """Ciphertext that decrypts only for the same purpose and row id."""
    bound = json.dumps([purpose, row_id, plaintext]).encode()
    return _fernet(purpose).encrypt(bound).decode()


def decrypt(purpose: str, row_id: str, ciphertext: str) -> str:
    """The plaintext; raises SecretRefused when key, purpose or row id differ from those it was encrypted for."""
    try:
        bound = json.loads(_fernet(purpose).decrypt(ciphertext.encode()))
    except InvalidToken:
        raise SecretRefused(f"The {purpose} of {row_id} was not encrypted with this data folder's key.") from None
    bound_purpose, bound_row_id, plaintext = bound
    if (bound_purpose, bound_row_id) != (purpose, row_id):
        raise SecretRefused(f"The {purpose} of {row_id} was encrypted for another row or purpose.")
    if purpose != CANARY:
        redactor().remember(plaintext)
    return str(plaintext)


def encrypt_credential(provider: str, credential: str) -> str:
    """A provider's credential; bound to the provider's slug, which never changes."""
    return encrypt(CREDENTIAL, provider, credential)


def decrypt_credential(provider: str, ciphertext: str) -> str:
    return decrypt(CREDENTIAL, provider, ciphertext)


def pepper() -> bytes:
    """What every keyed hash of this installation is made with."""
    environment = settings.ENVIRONMENT
    found: bytes = environment.pepper or environment.root_secret
    return found


def keyed_hash(purpose: str, text: str) -> str:
    """HMAC-SHA-256 under this purpose's derived key, 64 lower-case hex digits."""
    secret = pepper()
    pads = _prepared.get((secret, purpose))
    if pads is None:
        pads = _prepared[secret, purpose] = _pads(secret, purpose)
    inner, outer = pads[0].copy(), pads[1].copy()
    inner.update(text.encode())
    outer.update(inner.digest())
    digits: str = outer.hexdigest()
    return digits


# A purpose is a word of the code's, and the pepper changes with the data folder only: a handful in all.
_prepared: dict[tuple[bytes, str], tuple[Any, Any]] = {}


def _pads(pepper: bytes, purpose: str) -> tuple[Any, Any]:
    """The two halves of HMAC (RFC 2104) with the key already in: every request hashes four times, and the key is half the work."""
    key = _derived(pepper, f"hash/{purpose}").ljust(SHA256_BLOCK_BYTES, b"\0")
    return hashlib.sha256(bytes(byte ^ 0x36 for byte in key)), hashlib.sha256(bytes(byte ^ 0x5C for byte in key))


def hash_key(key: str) -> str:
    """What is stored of an API key. No slow hash: the key holds 256 random bits."""
    return keyed_hash(API_KEY, key)


def check_canary() -> None:
    """Proves that database and data folder belong together; writes the canary on the very first start.

    Raises WrongDataFolder when the database's canary does not decrypt with this data folder's key.
    """
    with transaction.atomic():
        state, _ = InstallationState.objects.select_for_update().get_or_create(id=1)
        if not state.canary:
            state.canary = encrypt(CANARY, "1", "signalbox")
            state.save(update_fields=["canary"])
            return
    try:
        decrypt(CANARY, "1", state.canary)
    except SecretRefused:
        raise WrongDataFolder(
            f"The database was made with another key than {settings.DATA_DIR / 'root.key'}. "
            "Its stored credentials and API keys cannot be used. Start with the data folder that belongs to this database."
        ) from None

"""Where a channel leads: a webhook's address is kept sealed, because chat tools put a secret into its path; people see its host alone."""

from __future__ import annotations

from routerapp.models import AlertChannel, AlertChannelKind
from routerapp.serving.diagnosis.transport_words import Place
from routerapp.store.secrets import ALERT_ADDRESS, decrypt, encrypt


def set_receiver(row: AlertChannel, address: str) -> None:
    """address: a URL, or e-mail addresses. Does not save; `address` and `address_ciphertext` have to be."""
    if row.kind == AlertChannelKind.EMAIL or not address:
        row.address = address
        return
    row.address = _shown(address)
    row.address_ciphertext = encrypt(ALERT_ADDRESS, row.slug, address)


def receiver_of(row: AlertChannel) -> str:
    """The whole of it, for sending. Raises SecretRefused."""
    if row.kind == AlertChannelKind.EMAIL:
        return row.address
    return decrypt(ALERT_ADDRESS, row.slug, row.address_ciphertext)


def _shown(url: str) -> str:
    place = Place(url)
    host = f"[{place.host}]" if ":" in place.host else place.host
    return f"{place.scheme}://{host}{'' if place.port in (80, 443) else f':{place.port}'}/…"

"""How a webhook shows that it comes from us: HMAC-SHA256 over time and body, in one header. Pure."""

from __future__ import annotations

import hashlib
import hmac

SIGNATURE_HEADER = "signalbox-signature"


def sign(secret: str, body: bytes, at: int) -> str:
    """t=<unix seconds>,v1=<64 hex digits> of HMAC-SHA256(secret, "<t>.<body>"). The receiver refuses an old t."""
    digits = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digits}"

"""The last line of defence for log lines: what looks like a credential, or is one this process knows, is written as a mark.

Nothing may rely on it. Whoever logs leaves secrets out; this is for the traceback nobody foresaw.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

MARK = "[secret]"
LEAST_CHARACTERS = 8
_MOST_KNOWN = 2_000
_LOOKS = re.compile(
    r"""
      \b(?:sk|pk|rk|xai|gsk|csk|fw|pplx|whsec|ghp|glpat|hf|r8)[-_][A-Za-z0-9_-]{12,}   # keys as vendors print them
    | \bsb_live_[A-Za-z0-9_]{12,}                                                       # our own
    | \bAIza[A-Za-z0-9_-]{20,}
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?                    # JSON web tokens
    | (?<=/invitation/)[A-Za-z0-9_-]{8,}                                                # the token of a link
    | \bgAAAAA[A-Za-z0-9_=-]{20,}                                                       # Fernet
    """,
    re.VERBOSE,
)
_AFTER_WORDS = re.compile(
    r"(?i)(\b(?:proxy-)?authorization['\"]?\s*[:=]\s*['\"]?(?:bearer|basic|digest)?\s*"
    r"|\bbearer\s+"
    r"|\b(?:set-)?cookie['\"]?\s*[:=]\s*['\"]?"
    r"|\b(?:x-)?(?:api|goog-api|auth)[-_]?(?:key|token)['\"]?\s*[:=]\s*['\"]?"
    r"|\b(?:password|passphrase|passwd|client_secret|access_token|refresh_token|id_token|sessionid|csrftoken)"
    r"['\"]?\s*[:=]\s*['\"]?)"
    r"([^\s'\",;&]{4,})"
)
_USERINFO = re.compile(r"(?<=://)[^\s/@'\"]{1,500}@")


class Redactor:
    """Knows the secrets of one process, as far as it has met them."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._known: dict[str, None] = {}
        for secret in known:
            self.remember(secret)

    def remember(self, secret: str | None) -> None:
        """Too short ones would be found in innocent words."""
        if secret and len(secret) >= LEAST_CHARACTERS:
            self._known[secret] = None
            while len(self._known) > _MOST_KNOWN:
                del self._known[next(iter(self._known))]

    def __call__(self, text: str) -> str:
        for secret in tuple(self._known):
            if secret in text:
                text = text.replace(secret, MARK)
        text = _LOOKS.sub(MARK, text)
        text = _AFTER_WORDS.sub(lambda found: found[1] + MARK, text)
        return _USERINFO.sub(MARK + "@", text)


@lru_cache(maxsize=1)
def redactor() -> Redactor:
    """This process's: settings give it to the log lines, whoever decrypts a secret tells it."""
    return Redactor()

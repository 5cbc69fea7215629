"""Where sessions are kept: Django's database sessions, with whose they are and when they were used in columns of their own."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

from routerapp.models import SignInSession

SIGNED_IN_AT, SEEN_AT, ADDRESS, AGENT = "signed_in_at", "seen_at", "address", "agent"


class SessionStore(DatabaseStore):
    """settings.SESSION_ENGINE. Columns are copies of what the session's data say."""

    @classmethod
    def get_model_class(cls) -> type[SignInSession]:
        return SignInSession

    def create_model_instance(self, data: dict[str, Any]) -> SignInSession:
        row = super().create_model_instance(data)
        assert isinstance(row, SignInSession)
        row.user_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        row.signed_in_at = _instant(data.get(SIGNED_IN_AT))
        row.seen_at = _instant(data.get(SEEN_AT))
        row.address = str(data.get(ADDRESS, ""))[:45]
        row.agent = str(data.get(AGENT, ""))[:200]
        return row


def _instant(seconds: float | None) -> dt.datetime | None:
    return dt.datetime.fromtimestamp(seconds, dt.UTC) if seconds is not None else None

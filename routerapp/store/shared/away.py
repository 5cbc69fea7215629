"""What everybody is told who asked Valkey in vain; apart from the client, which is loaded only where one is used."""

from __future__ import annotations


class Away(Exception):
    """No answer in time, or none that can be used."""

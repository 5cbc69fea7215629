"""A session in words: which browser on which system, from where, since when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from routerapp.models import SignInSession

# The first that stands in the text: browsers name their ancestors too.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
    ("curl", "curl"),
)
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True, slots=True)
class SessionRow:
    session: SignInSession
    words: str
    is_this_one: bool


def session_rows(sessions: Iterable[SignInSession], this_one: str | None) -> list[SessionRow]:
    return [SessionRow(one, agent_words(one.agent), one.session_key == this_one) for one in sessions]


def agent_words(agent: str) -> str:
    """What the browser says of itself, which may be anything."""
    browser = next((name for mark, name in BROWSERS if mark in agent), "")
    system = next((name for mark, name in SYSTEMS if mark in agent), "")
    return " on ".join(filter(None, (browser, system))) or "Unknown browser"

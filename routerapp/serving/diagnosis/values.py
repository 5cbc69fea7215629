"""What a test of a provider found: the steps it took, what is wrong in plain words and what to do. Never holds a credential or an upstream's body."""

from __future__ import annotations

from dataclasses import dataclass, field

from routerapp.serving.concealer import concealed

OK, FAIL, WARN, SKIPPED = "ok", "fail", "warn", "skipped"
LONGEST_QUOTE = 160


@dataclass(frozen=True, slots=True)
class Step:
    """state: ok, fail, warn, or skipped because an earlier one failed."""

    name: str
    state: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """code is stable, for programs; words say what is wrong, remedy what to do. quote: what the upstream said, cut short."""

    code: str
    words: str
    remedy: str = ""
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """finding.code ok: it works. warning: it works, but. models: what it lists, None when it was not asked or lists nothing readable."""

    provider: str
    finding: Finding
    steps: tuple[Step, ...]
    address: str = ""
    asked_model: str = ""
    models: tuple[str, ...] | None = None
    elapsed_ms: int = 0
    warnings: tuple[Finding, ...] = field(default=())

    @property
    def is_ok(self) -> bool:
        return self.finding.code == "ok"


def quoted(text: str, credential: str | None) -> str:
    """One short line of a stranger's text, without our credential, whole or as the beginning that was cut."""
    if credential:
        text = concealed(text, credential)
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= LONGEST_QUOTE else f"{line[: LONGEST_QUOTE - 1]}…"

"""Known vendors and how they differ from the dialect their adapter speaks: presets.yaml, read once and checked on the way.

A preset is data that any adapter may apply; nothing outside this package asks for a vendor by name.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

PRESETS_FILE = Path(__file__).parent / "presets.yaml"


class Quirks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one vendor does otherwise; presets.yaml says what each member means. response_formats None: all of them."""

    rename: dict[str, str] = {}
    drop: frozenset[str] = frozenset()
    unsupported: dict[str, str] = {}
    at_most: dict[str, float] = {}
    ranges: dict[str, tuple[float, float]] = {}
    response_formats: frozenset[str] | None = None
    choices: dict[str, tuple[Any, ...]] = {}
    roles: dict[str, str] = {}
    message_fields: frozenset[str] = frozenset()
    stream_options: bool = True
    endpoints: frozenset[str] = frozenset({"chat", "embeddings"})


NO_QUIRKS = Quirks()


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One vendor as a form offers it. base_url is where to start from; a word in capitals stands for the reader's own."""

    label: str
    kind: str
    base_url: str = ""
    credential: Literal["required", "optional", "none"] = "required"
    key_prefix: str = ""
    key_url: str = ""
    docs_url: str = ""
    is_local: bool = False
    options: dict[str, Any] = {}
    quirks: Quirks = NO_QUIRKS
    name: str = ""

    @property
    def needs_credential(self) -> bool:
        return self.credential == "required"

    @property
    def is_complete(self) -> bool:
        """Whether the address can be used as it stands."""
        return bool(self.base_url) and self.base_url == self.base_url.lower()


@lru_cache(maxsize=1)
def presets() -> dict[str, Preset]:
    """By name, in the order of the file."""
    read = msgspec.convert(yaml.safe_load(PRESETS_FILE.read_text("utf-8")), dict[str, Preset])
    return {name: msgspec.structs.replace(preset, name=name) for name, preset in read.items()}


def quirks_of(preset: str) -> Quirks:
    """Of a provider's preset; one this release does not know has none."""
    if not preset:
        return NO_QUIRKS
    found = presets().get(preset)
    return found.quirks if found else NO_QUIRKS

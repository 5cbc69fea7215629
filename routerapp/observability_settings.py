"""What operators see of a running Signalbox, read from SIGNALBOX_LOG_…, SIGNALBOX_OTLP_… and SIGNALBOX_METRICS_…."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import urlsplit

from routerapp.bad_setting import BadSetting

LOG_FORMATS = ("text", "json")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
# A person is never a label: whoever may read metrics would see how much each one asks.
CALLER_LABELS = ("key", "team")
TRACES_PATH = "/v1/traces"
NAMES = frozenset(
    {
        "SIGNALBOX_ACCESS_LOG",
        "SIGNALBOX_LOG_FORMAT",
        "SIGNALBOX_LOG_LEVEL",
        "SIGNALBOX_METRICS_LABELS",
        "SIGNALBOX_METRICS_TOKEN",
        "SIGNALBOX_OTLP_ENDPOINT",
        "SIGNALBOX_OTLP_HEADERS",
        "SIGNALBOX_OTLP_SAMPLE",
        "SIGNALBOX_OTLP_PROPAGATE",
    }
)


@dataclass(frozen=True, slots=True)
class OtlpSettings:
    """Where spans go. url is complete; headers hold secrets and stay out of repr. sample: share of traces begun here."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    sample: float = 1.0
    propagates: bool = False


@dataclass(frozen=True, slots=True)
class ObservabilitySettings:
    log_format: str = "text"
    log_level: str = "WARNING"
    has_access_log: bool = False
    metrics_labels: tuple[str, ...] = ()
    metrics_token: str | None = field(default=None, repr=False)
    otlp: OtlpSettings | None = None


def read_observability(variables: Mapping[str, str]) -> ObservabilitySettings:
    """Raises BadSetting, which never repeats a secret."""
    return ObservabilitySettings(
        log_format=_choice(variables, "SIGNALBOX_LOG_FORMAT", LOG_FORMATS, "text"),
        log_level=_choice(variables, "SIGNALBOX_LOG_LEVEL", LOG_LEVELS, "WARNING"),
        has_access_log=_switch(variables, "SIGNALBOX_ACCESS_LOG"),
        metrics_labels=_labels(variables.get("SIGNALBOX_METRICS_LABELS", "")),
        metrics_token=_token(variables.get("SIGNALBOX_METRICS_TOKEN", "")),
        otlp=_otlp(variables),
    )


def _choice(variables: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str) -> str:
    text = variables.get(name, default)
    for one in allowed:
        if text.lower() == one.lower():
            return one
    raise BadSetting(name, text, "one of " + ", ".join(allowed))


def _switch(variables: Mapping[str, str], name: str) -> bool:
    text = variables.get(name, "0")
    if text not in ("0", "1"):
        raise BadSetting(name, text, "0 or 1")
    return text == "1"


def _labels(text: str) -> tuple[str, ...]:
    labels = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for label in labels:
        if label not in CALLER_LABELS:
            raise BadSetting("SIGNALBOX_METRICS_LABELS", label, "any of " + ", ".join(CALLER_LABELS))
    return labels


def _token(text: str) -> str | None:
    if text and (len(text) < 8 or not text.isascii() or not text.isprintable()):
        raise BadSetting("SIGNALBOX_METRICS_TOKEN", "…", "at least 8 printable ASCII characters")
    return text or None


def _otlp(variables: Mapping[str, str]) -> OtlpSettings | None:
    endpoint = variables.get("SIGNALBOX_OTLP_ENDPOINT", "").strip()
    if not endpoint:
        for name in ("SIGNALBOX_OTLP_HEADERS", "SIGNALBOX_OTLP_SAMPLE", "SIGNALBOX_OTLP_PROPAGATE"):
            if variables.get(name):
                raise BadSetting("SIGNALBOX_OTLP_ENDPOINT", "", f"a value, since {name} is set")
        return None
    return OtlpSettings(
        url=_traces_url(endpoint),
        headers=_headers(variables.get("SIGNALBOX_OTLP_HEADERS", "")),
        sample=_share(variables.get("SIGNALBOX_OTLP_SAMPLE", "1")),
        propagates=_switch(variables, "SIGNALBOX_OTLP_PROPAGATE"),
    )


def _traces_url(endpoint: str) -> str:
    """As the OTLP exporter's own variable is read: a base address gets the path for traces, one with a path stays as it is."""
    try:
        parts = urlsplit(endpoint)
        is_fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_fine = False
    if not is_fine or "@" in parts.netloc or parts.query or parts.fragment or not endpoint.isascii():
        raise BadSetting(
            "SIGNALBOX_OTLP_ENDPOINT",
            "…",
            "http(s)://host:port of a collector that speaks OTLP over HTTP, without a user name; secrets go into SIGNALBOX_OTLP_HEADERS",
        )
    return endpoint.rstrip("/") + TRACES_PATH if parts.path in ("", "/") else endpoint


def _headers(text: str) -> Mapping[str, str]:
    """name=value pairs separated by commas."""
    found: dict[str, str] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = entry.partition("=")
        name, value = name.strip().lower(), value.strip()
        is_name = bool(name) and name.isascii() and name.replace("-", "").replace("_", "").isalnum()
        if not equals or not is_name or not value.isascii() or not value.isprintable():
            raise BadSetting("SIGNALBOX_OTLP_HEADERS", "…", "name=value pairs of printable ASCII separated by commas")
        found[name] = value
    return MappingProxyType(found)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise BadSetting("SIGNALBOX_OTLP_SAMPLE", text, "a share of the traces from 0 to 1, such as 0.1")
    return share

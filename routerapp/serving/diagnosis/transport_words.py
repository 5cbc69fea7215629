"""Why no answer came, in plain words: address, name, connection, TLS, time. Each says what to do, by the operator's own names for things."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from routerapp.providers.trial import ADDRESS, CONNECTION, NAME, TLS, Trial
from routerapp.serving.diagnosis.values import Finding, quoted

ALLOW = "SIGNALBOX_EGRESS_ALLOW"


def why_no_answer(trial: Trial, url: str, seconds: float) -> Finding:
    """Of a trial with a problem."""
    place = Place(url)
    match trial.problem:
        case "address_refused":
            return _refused(trial, place)
        case "name_unknown":
            return Finding(
                "name_unknown",
                f"The name {place.host} cannot be looked up.",
                "Check the spelling of the address. If it is right, this machine's DNS does not know the name: ask from here with "
                f"“getent hosts {place.host}”.",
            )
        case "connect_refused":
            return Finding(
                "connect_refused",
                f"Nothing listens on {place.host} port {place.port}.",
                "Start the server, or correct the port in the address. A server on another machine or in a container has to listen "
                "on more than 127.0.0.1.",
            )
        case "connect_timeout":
            return Finding(
                "connect_timeout",
                f"No connection to {place.host} port {place.port} within the time for it.",
                "A firewall on the way drops the packets, or the machine is off. Open the way out from this machine.",
            )
        case "unreachable":
            return Finding(
                "unreachable",
                f"{place.host} cannot be reached: {quoted(trial.detail, None)}.",
                "This machine has no way there: check its network and routes.",
            )
        case "tls_failed":
            return _tls(trial, place)
    return _no_whole_answer(trial.problem, place, seconds)


def _no_whole_answer(problem: str, place: Place, seconds: float) -> Finding:
    """Connected, and then."""
    match problem:
        case "timeout":
            return Finding(
                "timeout",
                f"{place.host} took the question and gave no whole answer within {seconds:g} seconds.",
                "Try again; a local server may be loading its model. If it stays so, the server is overloaded or hangs.",
            )
        case "too_large":
            return Finding(
                "bad_answer",
                "The answer is far larger than any answer of this kind.",
                "The address leads to something else than a model API: check it.",
            )
    return Finding(
        "broke_off",
        "The connection broke before the answer was complete.",
        _plain_http_hint(place)
        or "Try again. If it stays so, look at the server's own log: it or a proxy before it gives up.",
    )


class Place:
    """Where a URL leads to, in parts that can be said."""

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            self.scheme, self.host = parts.scheme, parts.hostname or ""
            self.port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            self.scheme, self.host, self.port = "", "", 0

    @property
    def is_literal(self) -> bool:
        try:
            ip_address(self.host)
        except ValueError:
            return False
        return True


def stage_words(stage: str, place: Place) -> str:
    """What a stage that went well has shown."""
    return {
        ADDRESS: f"{place.host} may be called",
        NAME: "an IP address, nothing to look up" if place.is_literal else f"{place.host} is known",
        CONNECTION: f"port {place.port} answers",
        TLS: "the certificate is valid",
    }[stage]


def _refused(trial: Trial, place: Place) -> Finding:
    if not place.host:
        return Finding(
            "address_refused", "The address is not one that can be called.", "Correct the provider's address."
        )
    if "metadata" in trial.detail or place.host.startswith("169.254."):
        return Finding(
            "egress_refused",
            f"{place.host} is a link-local address, where clouds keep their machines' own secrets. It is never called by a name.",
            f"Correct the address. If a model really answers there, list {place.host} in {ALLOW} and start Signalbox again.",
        )
    words = f"The egress guard refuses {place.host}: it is not a public address."
    if place.host == "localhost" or place.host.endswith(".localhost"):
        return Finding("egress_refused", words, _allow("127.0.0.1"))
    if "not a public address" in trial.detail:
        return Finding("egress_refused", words, _allow(place.host))
    return Finding(
        "egress_refused", f"The egress guard refuses the address. {quoted(trial.detail, None)}", _allow(place.host)
    )


def _allow(host: str) -> str:
    return (
        f"If this server is yours, add {host} to {ALLOW} (entries are separated by commas: {ALLOW}={host}) and start Signalbox "
        "again. If not, correct the address."
    )


def _tls(trial: Trial, place: Place) -> Finding:
    detail = trial.detail.lower()
    if "wrong_version_number" in detail or "wrong version number" in detail or "record layer failure" in detail:
        return Finding(
            "tls_failed",
            f"{place.host} port {place.port} does not speak TLS.",
            "The server speaks plain HTTP: write the address with http:// instead of https://, or correct the port.",
        )
    reasons = {
        "self-signed": "its certificate is signed by itself",
        "self signed": "its certificate is signed by itself",
        "expired": "its certificate has expired",
        "hostname mismatch": "its certificate is for another name",
        "ip address mismatch": "its certificate is for another name",
        "unable to get local issuer": "nobody this machine trusts has signed its certificate",
    }
    reason = next((words for mark, words in reasons.items() if mark in detail), "the handshake failed")
    return Finding(
        "tls_failed",
        f"The TLS connection to {place.host} failed: {reason}.",
        "Give the server a certificate that this machine trusts, or add your own authority to this machine's trust store. "
        "Signalbox never skips the check.",
    )


def _plain_http_hint(place: Place) -> str:
    return "If the server expects TLS on this port, write the address with https://." if place.scheme == "http" else ""

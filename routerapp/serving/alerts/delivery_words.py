"""Why a message was not taken, in plain words with what to do. Never holds an address's path, which may be a secret, nor a password."""

from __future__ import annotations

from routerapp.providers.mail import Mailing, Relay
from routerapp.providers.trial import Trial
from routerapp.serving.diagnosis.transport_words import ALLOW, Place, why_no_answer
from routerapp.serving.diagnosis.values import quoted

NO_SMTP = (
    "E-mail is not set up. Set SIGNALBOX_SMTP_URL (smtp://host:587 or smtps://host:465, with user:password@ if needed) and "
    "SIGNALBOX_MAIL_FROM, and start Signalbox again."
)
UNREADABLE = "The stored secret cannot be decrypted with this data folder's key. Enter it again."


def webhook_words(trial: Trial, url: str, seconds: float) -> str:
    """Of a trial with a problem, or with a status that is not 2xx."""
    host = Place(url).host
    match trial.problem:
        case "":
            return _status_words(trial.status, host)
        case "timeout":
            return f"{host} took the message and said nothing within {seconds:g} seconds. A receiver should answer first and work later."
        case "connect_refused":
            return f"Nothing listens on {host} port {Place(url).port}. Start the receiver, or correct the address."
        case "broke_off":
            return f"{host} broke the connection before it answered. Look at the receiver's own log."
    finding = why_no_answer(trial, url, seconds)
    return f"{finding.words} {finding.remedy}"


def _status_words(status: int, host: str) -> str:
    if 300 <= status < 400:
        return (
            f"{host} answers with a redirect ({status}), and redirects are not followed. Enter the address it leads to."
        )
    if status in (401, 403):
        return f"{host} refuses the message ({status}). Check the address, and the secret its signature is made with."
    if status in (404, 410):
        return f"{host} knows no such address ({status}). Enter the webhook's address anew."
    if status == 429:
        return f"{host} takes no more messages for the moment (429)."
    if status >= 500:
        return f"{host} failed to take the message ({status}). Look at the receiver's own log."
    return f"{host} did not take the message: it answered {status}, and only 2xx counts."


def mail_words(mailing: Mailing, relay: Relay) -> str:
    quote = quoted(mailing.detail, relay.password or None)
    place = f"{relay.host} port {relay.port}"
    words = {
        "address_refused": f"The egress guard refuses the mail server {relay.host}. {quote} If it is yours, list it in {ALLOW}.",
        "name_unknown": f"The name {relay.host} cannot be looked up. Check SIGNALBOX_SMTP_URL.",
        "connect_refused": f"Nothing listens on {place}. Check SIGNALBOX_SMTP_URL.",
        "unreachable": f"{place} cannot be reached ({quote}).",
        "tls_failed": f"TLS with {relay.host} failed ({quote}). smtps:// speaks TLS from the start, smtp:// begins in plain text.",
        "no_tls": f"{relay.host} offers no TLS, and the password is never sent without. Use smtps://, or a server without a password.",
        "login_refused": f"{relay.host} refuses the user name or password in SIGNALBOX_SMTP_URL.",
        "recipients_refused": f"{relay.host} refuses the recipients: {quote}",
        "refused": f"{relay.host} refuses the message: {quote}",
        "timeout": f"{relay.host} was too slow to take the message.",
    }
    return words.get(mailing.problem, f"{relay.host} broke the connection before it had taken the message.")


def left_out_words(mailing: Mailing, relay: Relay) -> str:
    """Of a message that was taken for some of its recipients; empty when it was for all."""
    if not mailing.left_out:
        return ""
    return f"{relay.host} refuses {', '.join(mailing.left_out)}; the others got it. Correct the channel's addresses."

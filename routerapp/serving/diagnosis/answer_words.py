"""What an answer that is not the right one means, in plain words: key, path, model, limits, a proxy in between, another vendor's dialect."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import msgspec

from routerapp.providers.presets import Preset
from routerapp.providers.trial import Trial
from routerapp.serving.diagnosis.values import Finding, quoted

SLOW_MS = 5_000
_MODEL_WORDS = re.compile(
    r"model.{0,120}?(not found|does not exist|not exist|unknown|invalid|no such|not available|decommissioned|not supported)"
    r"|(unknown|invalid|no such|unrecognized) model|model_not_found|deploymentnotfound|pull.{0,20}model",
    re.IGNORECASE | re.DOTALL,
)
_MONEY_WORDS = re.compile(r"quota|billing|credit|balance|insufficient|payment", re.IGNORECASE)
# Gemini answers a wrong key with 400.
_KEY_WORDS = re.compile(r"api.?key not valid|invalid.{0,5}api.?key|incorrect api key", re.IGNORECASE)
_TLS_WORDS = re.compile(r"plain http request was sent to (https|tls)|http request to an https server", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, for saying it. model: empty for the list of models."""

    base_url: str
    preset: Preset | None
    credential: str | None
    model: str = ""
    known: Sequence[str] = ()

    @property
    def vendor(self) -> str:
        return self.preset.label if self.preset else "the upstream"


def why_not(trial: Trial, asked: Asked) -> Finding:
    """Of an answer that is not 2xx, or is but cannot be read as what was asked for."""
    if _TLS_WORDS.search(_text(trial)):
        return Finding("tls_expected", "The server expects TLS on this port.", "Write the address with https://.")
    if 300 <= trial.status < 400:
        return _redirected(trial, asked)
    if _is_page(trial):
        return _page(trial)
    if 200 <= trial.status < 300:
        return _foreign(trial)
    return _refused(trial, asked)


def _refused(trial: Trial, asked: Asked) -> Finding:
    """By status, and where one status means several things, by what the answer says."""
    status, text = trial.status, _text(trial)
    quote = quoted(_message(trial), asked.credential)
    if status in (401, 403):
        return _key_refused(status, asked)
    if status == 402 or (status == 429 and _MONEY_WORDS.search(text)):
        words = f"The account has no credit or quota left ({status})."
        return Finding("no_credit", words, f"Add credit or raise the quota at {asked.vendor}.", quote)
    if status == 429:
        return _rate_limited(trial, quote)
    if asked.model and (_MODEL_WORDS.search(text) or (status in (404, 410) and asked.model in text)):
        return _unknown_model(asked, quote)
    if status in (404, 405, 410):
        return _wrong_path(status, asked)
    if status >= 500:
        return Finding(
            "upstream_down",
            f"The upstream is reached, and fails ({status}).",
            "Nothing to correct here: look at the vendor's status page or the server's log, and try again.",
            quote,
        )
    if _KEY_WORDS.search(text):
        return _key_refused(401, asked)
    return Finding(
        "rejected",
        f"The upstream refuses the question ({status}).",
        "Read what it says. Often the kind or an option of the provider does not fit, or the model serves something else.",
        quote,
    )


def _redirected(trial: Trial, asked: Asked) -> Finding:
    where = quoted(trial.headers.get("location", ""), asked.credential)
    return Finding(
        "redirected",
        f"The server answers with a redirect ({trial.status}){f' to {where}' if where else ''}. Redirects are never followed.",
        "Write the address it redirects to, if it is the API's; a sign-in page means that a proxy stands in between.",
    )


def _rate_limited(trial: Trial, quote: str) -> Finding:
    wait = trial.headers.get("retry-after", "")
    when = f"Try again in {wait} seconds" if wait.isdigit() and len(wait) < 6 else "Wait and try again"
    return Finding(
        "rate_limited",
        "The upstream answers, but limits our requests now (429).",
        f"The credential works. {when}; lower the deployments' limits if it happens in traffic.",
        quote,
    )


def slow(elapsed_ms: int) -> Finding | None:
    """A warning when even a tiny answer takes long."""
    if elapsed_ms < SLOW_MS:
        return None
    return Finding(
        "slow",
        f"It works, but took {elapsed_ms / 1000:.1f} seconds for a tiny answer.",
        "A local server may have been loading its model: test again. Else expect rules with a time limit to pass it over.",
    )


def _key_refused(status: int, asked: Asked) -> Finding:
    """Nothing is quoted here: some upstreams repeat the key they were sent."""
    if not asked.credential:
        return Finding(
            "credential_missing",
            f"The upstream wants a credential ({status}), and none is stored.",
            _where_keys_are(asked, "Set the provider's credential."),
        )
    if status == 403:
        return Finding(
            "forbidden",
            "The upstream knows the credential but does not allow this (403).",
            "Give the key access to this API or model, or check whether your country or network is blocked there.",
        )
    prefix = asked.preset.key_prefix if asked.preset else ""
    if prefix and not asked.credential.startswith(prefix):
        return Finding(
            "credential_rejected",
            f"The upstream refuses the credential (401). Keys of {asked.vendor} begin with {prefix}; the one that was sent does not.",
            _where_keys_are(asked, "Set the right credential."),
        )
    return Finding(
        "credential_rejected",
        "The upstream refuses the credential (401): it is wrong, has expired or was withdrawn.",
        _where_keys_are(asked, "Make a new key there and rotate the credential."),
    )


def _where_keys_are(asked: Asked, words: str) -> str:
    return f"{words} Keys are made at {asked.preset.key_url}." if asked.preset and asked.preset.key_url else words


def _unknown_model(asked: Asked, quote: str) -> Finding:
    near = get_close_matches(asked.model, list(asked.known), n=3, cutoff=0.5)
    remedy = "Correct the deployment's upstream model."
    if near:
        remedy = f"Correct the deployment's upstream model. It lists: {', '.join(near)}."
    return Finding("unknown_model", f"The upstream does not know the model {asked.model}.", remedy, quote)


def _wrong_path(status: int, asked: Asked) -> Finding:
    remedy = "Correct the provider's address."
    base = asked.base_url.rstrip("/")
    for ending in ("/chat/completions", "/completions", "/models", "/messages", "/embeddings"):
        if base.endswith(ending):
            remedy = f"Cut the end off the address: {base.removesuffix(ending)}. Signalbox adds the path itself."
            break
    else:
        if not re.search(r"/v\d", base):
            remedy = f"Most addresses end with a version. Try {base}/v1."
    return Finding("wrong_address", f"The server answers, but has nothing at this path ({status}).", remedy)


def _page(trial: Trial) -> Finding:
    return Finding(
        "not_json",
        f"A web page came back instead of JSON ({trial.status}).",
        "The address leads to a web site, or a proxy or sign-in page stands in between. Use the address of the API, and let "
        "this machine reach it without that proxy.",
    )


def _foreign(trial: Trial) -> Finding:
    """200, but not the answer that this kind of provider gives."""
    document = _document(trial)
    if document is None:
        return Finding(
            "not_json",
            f"The answer ({trial.status}) is not JSON.",
            "The address leads to something else than a model API, or a proxy changes its answers.",
        )
    dialect = _dialect(document)
    words = "The answer is JSON, but not as this kind of provider answers."
    if dialect:
        return Finding("wrong_dialect", f"{words} It looks like {dialect}.", f"Choose the kind for {dialect}.")
    return Finding("wrong_dialect", words, "Choose another kind or vendor for this provider, or correct the address.")


def _dialect(document: Any) -> str:
    if not isinstance(document, Mapping):
        return ""
    if "candidates" in document or any(str(name).startswith("promptFeedback") for name in document):
        return "Google Gemini"
    if document.get("type") in ("message", "error") and ("content" in document or "error" in document):
        return "Anthropic"
    if "choices" in document or str(document.get("object", "")).startswith(("chat.completion", "list")):
        return "OpenAI"
    return ""


def _is_page(trial: Trial) -> bool:
    return trial.media_type in ("text/html", "application/xhtml+xml") or trial.body[:200].lstrip()[:1] == b"<"


def _document(trial: Trial) -> Any:
    try:
        return msgspec.json.decode(trial.body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def _message(trial: Trial) -> str:
    """The sentence in an error object; nothing of any other shape."""
    document = _document(trial)
    if isinstance(document, list) and document:
        document = document[0]
    detail = document.get("error") or document if isinstance(document, Mapping) else None
    message = (detail.get("message") or detail.get("detail")) if isinstance(detail, Mapping) else detail
    return message if isinstance(message, str) else ""


def _text(trial: Trial) -> str:
    return trial.body[:8_000].decode("utf-8", "replace")

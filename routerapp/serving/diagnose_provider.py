"""Does a provider work, and if not, why: asks for its models and makes one tiny call, through the adapter and guard that traffic uses.

Says in plain words what is wrong and what to do. Holds no transaction while it waits; what it finds is audited by code alone.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import msgspec
from django.conf import settings

from routerapp.engine.chat import Chat
from routerapp.models import Deployment, Modality, Provider, ProviderKind
from routerapp.providers.base import Target
from routerapp.providers.egress import EgressGuard
from routerapp.providers.errors import ProviderError
from routerapp.providers.listed_models import NotAList, read_models, whole_list_question
from routerapp.providers.presets import presets
from routerapp.providers.registry import ADAPTERS
from routerapp.providers.trial import ADDRESS, CONNECTION, NAME, TLS, Call, Trial, try_call
from routerapp.serving import audit
from routerapp.serving.changes import find
from routerapp.serving.diagnosis.answer_words import Asked, slow, why_not
from routerapp.serving.diagnosis.transport_words import Place, stage_words, why_no_answer
from routerapp.serving.diagnosis.values import FAIL, OK, SKIPPED, WARN, Diagnosis, Finding, Step, quoted
from routerapp.serving.permissions import Actor, require
from routerapp.serving.refusals import invalid
from routerapp.store.secrets import SecretRefused, decrypt_credential

SECONDS = 12.0
_MOST_TOKENS = 16
_STAGES = ((ADDRESS, "Address allowed"), (NAME, "Name found"), (CONNECTION, "Connected"), (TLS, "TLS"))
_LIST, _CALL = "List of models", "Tiny call"
_WORKS = Finding("ok", "It works.")


def diagnose_provider(
    slug: str,
    *,
    by: Actor,
    deployment: str = "",
    upstream_model: str = "",
    credential: str | None = None,
    seconds: float = SECONDS,
) -> Diagnosis:
    """deployment or upstream_model: whom to call with one tiny question; neither: the list of models only, which costs nothing.

    credential: one to try instead of the stored one. seconds: for each of at most three calls.
    """
    require(by, "edit_provider")
    provider = find(Provider.objects.filter(archived_at=None).select_related("credential"), "provider", slug=slug)
    target, modality = _target(provider, deployment, upstream_model)
    if provider.kind == ProviderKind.SIMULATED:
        found = _simulated(provider)
    else:
        try:
            known = credential.strip() if credential else _stored_credential(provider)
        except SecretRefused:
            found = _unreadable(provider)
        else:
            found = _Test(provider, replace(target, credential=known), modality, seconds).run()
    audit.record(
        by,
        "test_provider",
        f"provider:{slug}",
        after={"found": found.finding.code, "asked_model": found.asked_model, "with_new_key": credential is not None},
    )
    return found


def list_upstream_models(slug: str, *, by: Actor, seconds: float = SECONDS) -> Diagnosis:
    """What the provider says it serves; models is None with the reason as finding where it does not say."""
    return diagnose_provider(slug, by=by, seconds=seconds)


def _target(provider: Provider, deployment: str, upstream_model: str) -> tuple[Target, str]:
    base_url, modality = provider.base_url, str(Modality.CHAT)
    if deployment:
        rows = provider.deployments.filter(archived_at=None).select_related("language_model")
        row = rows.filter(slug=deployment).first()
        if row is None:
            raise invalid("deployment", "unknown_reference", f"{provider.slug} has no deployment {deployment[:60]}.")
        base_url, upstream_model = row.base_url or base_url, row.upstream_model
        modality = row.language_model.modality
    if len(upstream_model) > 200 or not upstream_model.isprintable():
        raise invalid("upstream_model", "bad_name", "A model's name has at most 200 printable characters.")
    target = Target(
        deployment=deployment or provider.slug,
        kind=provider.kind,
        base_url=base_url,
        upstream_model=upstream_model.strip(),
        options=provider.options,
        preset=provider.preset,
        max_output_tokens=_MOST_TOKENS,
    )
    return target, modality


def _stored_credential(provider: Provider) -> str | None:
    stored = getattr(provider, "credential", None)
    return decrypt_credential(provider.slug, stored.ciphertext) if stored else None


class _Test:
    """One run. Steps are noted as they are taken; the first that fails ends it."""

    def __init__(self, provider: Provider, target: Target, modality: str, seconds: float) -> None:
        self._provider, self._target, self._modality, self._seconds = provider, target, modality, seconds
        self._guard = EgressGuard(settings.ENVIRONMENT.egress_allow)
        self._place = Place(target.base_url)
        self._steps: list[Step] = []
        self._models: tuple[str, ...] | None = None

    def run(self) -> Diagnosis:
        started = time.monotonic()
        target = self._target
        url, headers = whole_list_question(target.kind, target.base_url, target.credential, target.options)
        listing = self._try(Call("GET", url, dict(headers)))
        finding = self._network(listing, url) or self._listed(listing)
        warnings: tuple[Finding, ...] = ()
        if target.upstream_model and (finding is None or finding.code in ("no_list", "wrong_address")):
            finding, warning = self._call()
            warnings = (warning,) if warning else ()
        elif finding is not None and finding.code == "wrong_address":
            finding = self._better_address(finding)
        return self._diagnosis(finding or _WORKS, warnings, round((time.monotonic() - started) * 1000))

    def _try(self, call: Call) -> Trial:
        return try_call(call, self._guard, self._seconds)

    def _network(self, trial: Trial, url: str) -> Finding | None:
        """Notes the stages up to the connection; a finding when one failed."""
        finding = why_no_answer(trial, url, self._seconds) if trial.problem else None
        stages = [one for one in _STAGES if one[0] != TLS or self._place.scheme == "https"]
        is_failed = False
        for stage, name in stages:
            if stage in trial.reached and not is_failed:
                self._note(name, OK, stage_words(stage, self._place))
                continue
            state = SKIPPED if is_failed or finding is None else FAIL
            self._note(name, state, finding.words if finding and state == FAIL else "")
            is_failed = True
        if finding is not None and not is_failed:
            self._note(_LIST, FAIL, finding.words)
        return finding

    def _listed(self, trial: Trial) -> Finding | None:
        """Reads the list of models; a finding when what came is none."""
        asked = self._asked()
        if 200 <= trial.status < 300:
            try:
                names = read_models(trial.body)
            except NotAList:
                finding = why_not(trial, asked)
                # A list in a shape of its own is no obstacle to calls.
                state = WARN if finding.code == "wrong_dialect" and self._target.upstream_model else FAIL
                self._note(_LIST, state, finding.words)
                return replace(finding, code="no_list") if state == WARN else finding
            self._models = tuple(dict.fromkeys(quoted(name, self._target.credential) for name in names))
            count = len(names)
            self._note(_LIST, OK, f"{count:,} model{'' if count == 1 else 's'} in {trial.elapsed_ms:,} ms")
            return None
        finding = why_not(trial, asked)
        is_open = finding.code == "wrong_address" and bool(self._target.upstream_model)
        self._note(
            _LIST, WARN if is_open else FAIL, "None here; not every server has one." if is_open else finding.words
        )
        return finding

    def _call(self) -> tuple[Finding | None, Finding | None]:
        """(what is wrong, a warning) after one tiny question to the model."""
        adapter, target, chat = ADAPTERS[self._target.kind], self._target, _tiny(self._target, self._modality)
        try:
            request = adapter.build_request(chat, target, {})
        except ProviderError as error:
            finding = Finding(
                "cannot_ask", quoted(str(error), target.credential), "This model cannot be tested with a tiny call."
            )
            self._note(_CALL, FAIL, finding.words)
            return finding, None
        trial = self._try(Call(request.method, request.url, request.headers, request.body))
        if trial.problem:
            finding = why_no_answer(trial, request.url, self._seconds)
        else:
            try:
                adapter.read_reply(chat, trial.status, trial.headers, trial.body)
            except ProviderError:
                finding = why_not(trial, self._asked(target.upstream_model))
            else:
                warning = slow(trial.elapsed_ms)
                self._note(
                    _CALL, WARN if warning else OK, f"{target.upstream_model} answered in {trial.elapsed_ms:,} ms"
                )
                return None, warning
        self._note(_CALL, FAIL, finding.words)
        return finding, None

    def _better_address(self, finding: Finding) -> Finding:
        """Whether the API is one /v1 further: asked, not guessed."""
        base = self._target.base_url.rstrip("/")
        if self._target.kind != ProviderKind.OPENAI or base.endswith("/v1"):
            return finding
        url, headers = whole_list_question(self._target.kind, f"{base}/v1", self._target.credential, {})
        trial = self._try(Call("GET", url, dict(headers)))
        if trial.problem or trial.status not in (200, 401, 403):
            return finding
        return replace(finding, remedy=f"The API answers at {base}/v1: write that as the address.")

    def _asked(self, model: str = "") -> Asked:
        target = self._target
        return Asked(target.base_url, presets().get(target.preset), target.credential, model, self._models or ())

    def _note(self, name: str, state: str, words: str) -> None:
        self._steps.append(Step(name, state, words))

    def _diagnosis(self, finding: Finding, warnings: tuple[Finding, ...], elapsed_ms: int) -> Diagnosis:
        names = {step.name for step in self._steps}
        for name in (_LIST, _CALL) if self._target.upstream_model else (_LIST,):
            if name not in names:
                self._note(name, SKIPPED, "")
        address = self._target.base_url
        return Diagnosis(
            provider=self._provider.slug,
            finding=finding,
            steps=tuple(self._steps),
            address=f"{urlsplit(address).scheme}://{urlsplit(address).netloc}" if self._place.host else address,
            asked_model=self._target.upstream_model,
            models=self._models,
            elapsed_ms=elapsed_ms,
            warnings=warnings,
        )


def _tiny(target: Target, modality: str) -> Chat:
    """The smallest question there is; costs a fraction of a cent at the dearest vendor."""
    fields: dict[str, Any] = {"model": target.upstream_model}
    if modality == Modality.EMBEDDINGS:
        fields |= {"input": "ok"}
        messages: tuple[dict[str, Any], ...] = ()
    else:
        messages = ({"role": "user", "content": "Answer with the word ok."},)
        fields |= {"messages": messages, "max_completion_tokens": _MOST_TOKENS}
    return Chat(
        requested_model=target.upstream_model,
        fields={name: msgspec.json.encode(value) for name, value in fields.items()},
        messages=messages,
        max_tokens=_MOST_TOKENS,
        endpoint="embeddings" if modality == Modality.EMBEDDINGS else "chat",
    )


def _simulated(provider: Provider) -> Diagnosis:
    step = Step("Simulated", OK, "Answers come from each deployment's own script; no network is used.")
    names = Deployment.objects.filter(provider=provider, archived_at=None).values_list("upstream_model", flat=True)
    return Diagnosis(provider.slug, _WORKS, (step,), models=tuple(sorted(set(names))))


def _unreadable(provider: Provider) -> Diagnosis:
    finding = Finding(
        "credential_unreadable",
        "The stored credential cannot be decrypted: it was stored with another data folder's key.",
        "Set the credential again.",
    )
    return Diagnosis(provider.slug, finding, (Step("Credential", FAIL, finding.words),))

"""Replace a provider's credential, tried first where that is wanted: one that the upstream refuses never takes the place of one that works."""

from __future__ import annotations

from routerapp.models import Credential
from routerapp.serving.diagnose_provider import diagnose_provider
from routerapp.serving.diagnosis.values import Diagnosis
from routerapp.serving.edit_catalog import checked_credential, set_credential
from routerapp.serving.permissions import Actor, require
from routerapp.serving.refusals import invalid


def rotate_credential(
    slug: str, credential: str, *, by: Actor, is_tried: bool = True, deployment: str = ""
) -> tuple[Credential, Diagnosis | None]:
    """The new row and what the trial found. Raises Invalid, and keeps the old one, when the trial fails.

    Live on every worker within two seconds; the old one is gone at once and cannot be brought back.
    """
    require(by, "edit_credential")
    text = checked_credential(credential)
    found = None
    if is_tried:
        found = diagnose_provider(slug, by=by, deployment=deployment, credential=text)
        if not found.is_ok:
            words = (
                f"The old credential is kept: with the new one, {_lower(found.finding.words)} {found.finding.remedy}"
            )
            raise invalid("credential", found.finding.code, words.strip())
    return set_credential(slug, text, by=by), found


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:]

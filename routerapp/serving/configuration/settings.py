"""The section of settings: what the installation is set to, and how people sign in."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from routerapp.models import Policy
from routerapp.serving.configuration.fields import ANYTHING, Field
from routerapp.serving.configuration.sections import NOTHING, Entry
from routerapp.serving.installation_settings import change_settings, set_values
from routerapp.serving.permissions import Actor
from routerapp.serving.publish_policy import set_default_policy
from routerapp.serving.refusals import invalid
from routerapp.serving.sign_in_settings import change_sign_in_settings, read_sign_in_settings


class Settings:
    """Two entries: what the installation is set to (with its default policy), and how people sign in. Only what was chosen is told."""

    name, noun, prunes = "settings", "settings", NOTHING
    INSTALLATION, SIGN_IN = "installation", "sign_in"

    def field(self, name: str) -> Field | None:
        return Field(ANYTHING, may_be_null=True)

    def read(self) -> dict[str, dict[str, Any]]:
        default = Policy.objects.filter(is_default=True, archived_at=None).values_list("slug", flat=True).first()
        return {
            self.INSTALLATION: {"default_policy": default, **set_values()},
            self.SIGN_IN: asdict(read_sign_in_settings()),
        }

    def settle(self, entry: Entry) -> dict[str, Any]:
        return dict(entry)

    def add(self, name: str, entry: Entry, by: Actor) -> None:
        raise invalid("", "unknown_field", f"Settings are of: {self.INSTALLATION}, {self.SIGN_IN}.")

    def edit(self, name: str, changed: Entry, before: Entry, by: Actor) -> None:
        if name == self.SIGN_IN:
            change_sign_in_settings(changed, by=by)
            return
        rest = {field: value for field, value in changed.items() if field != "default_policy"}
        if rest:
            change_settings(rest, by=by)
        if "default_policy" in changed:
            if not isinstance(changed["default_policy"], str):
                raise invalid("default_policy", "required", "One policy is always the default.")
            set_default_policy(changed["default_policy"], by=by)

    def remove(self, name: str, fields: Entry, by: Actor) -> None:
        raise invalid("", "not_removable", "Settings go back to their default with null.")

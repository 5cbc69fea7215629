"""Django's admin, for looking only: every change goes through a use case, which validates, audits and bumps the revision."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from routerapp import models


class ReadOnlyAdmin(admin.ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class KeyAdmin(ReadOnlyAdmin):
    exclude = ("key_hash",)


class UserAdmin(ReadOnlyAdmin):
    exclude = ("password",)


admin.site.register(
    [
        models.Alias,
        models.AuditEvent,
        models.CapabilityScore,
        models.Deployment,
        models.Dimension,
        models.Experiment,
        models.Job,
        models.LanguageModel,
        models.Policy,
        models.PolicyVersion,
        models.Price,
        models.Provider,
        models.Rule,
        models.Team,
    ],
    ReadOnlyAdmin,
)
admin.site.register(models.APIKey, KeyAdmin)
admin.site.register(models.User, UserAdmin)

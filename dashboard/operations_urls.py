"""Addresses of the Audit and System pages."""

from dashboard.sitemap import page
from dashboard.views import audit, settings, system

urlpatterns = [
    page("audit/", audit.audit_list, "audit"),
    page("audit/check/", audit.audit_check, "audit-check"),
    page("audit/export/<str:kind>/", audit.audit_export, "audit-export"),
    page("system/", system.system, "system"),
    page("system/jobs/", system.system_jobs, "system-jobs"),
    page("system/settings/", settings.system_settings, "system-settings"),
    page("system/settings/<slug:group>/", settings.settings_change, "settings-change"),
    page("system/content/<slug:slug>/delete/", settings.policy_content_delete, "policy-content-delete"),
    page("system/jobs/<int:job_id>/cancel/", system.job_cancel, "job-cancel"),
    page("system/jobs/<int:job_id>/retry/", system.job_retry, "job-retry"),
]

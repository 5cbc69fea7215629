"""Addresses of alerts, their rules and their channels."""

from dashboard.sitemap import page
from dashboard.views import alert_channels, alert_rules, alerts

urlpatterns = [
    page("alerts/", alerts.alert_list, "alert-list"),
    page("alerts/<int:incident_id>/", alerts.alert_incident, "alert-incident"),
    page("alerts/messages/<int:message_id>/retry/", alerts.alert_retry, "alert-retry"),
    page("alerts/rules/new/", alert_rules.alert_rule_kinds, "alert-rule-kinds"),
    page("alerts/rules/new/<str:kind>/", alert_rules.alert_rule_create, "alert-rule-create"),
    page("alerts/rules/<slug:slug>/", alert_rules.alert_rule_edit, "alert-rule-edit"),
    page("alerts/rules/<slug:slug>/remove/", alert_rules.alert_rule_remove, "alert-rule-remove"),
    page("alerts/channels/new/<str:kind>/", alert_channels.alert_channel_create, "alert-channel-create"),
    page("alerts/channels/<slug:slug>/", alert_channels.alert_channel, "alert-channel"),
    page("alerts/channels/<slug:slug>/secret/", alert_channels.alert_channel_secret, "alert-channel-secret"),
    page("alerts/channels/<slug:slug>/test/", alert_channels.alert_channel_test, "alert-channel-test"),
    page("alerts/channels/<slug:slug>/remove/", alert_channels.alert_channel_remove, "alert-channel-remove"),
]

"""Alerts: rules over what happens, channels they go to, incidents that opened, and each message sent once."""

from django.db import models


class AlertKind(models.TextChoices):
    BUDGET = "budget", "Budget nearly spent"
    ERROR_SHARE = "error_share", "Share of failed requests"
    PROVIDER_DOWN = "provider_down", "Provider down"
    SPOOL = "spool", "Journal filling up"
    UNPRICED = "unpriced", "Unpriced traffic"
    INPUT_DRIFT = "input_drift", "Other kinds of requests"
    SUCCESS_DRIFT = "success_drift", "A model does worse"
    CHALLENGER = "challenger", "A challenger waits"


class AlertChannelKind(models.TextChoices):
    WEBHOOK = "webhook", "Webhook"
    EMAIL = "email", "E-mail"


class AlertChannel(models.Model):
    """address: e-mail addresses, or as much of a webhook's as people may see; address_ciphertext: the whole of that.

    ciphertext: the secret that signs webhooks, write-only.
    """

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=AlertChannelKind)
    address = models.CharField(max_length=500)
    address_ciphertext = models.TextField(blank=True, editable=False)
    ciphertext = models.TextField(blank=True, editable=False)
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)


class AlertRule(models.Model):
    """subject: what it watches, empty for everything (a key, team, policy or provider as its kind says). threshold: in the kind's unit."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20, choices=AlertKind)
    subject = models.CharField(max_length=100, blank=True)
    threshold = models.FloatField()
    window_minutes = models.PositiveIntegerField(default=15)
    least_requests = models.PositiveIntegerField(default=20)
    channels = models.ManyToManyField(AlertChannel, blank=True, related_name="rules")
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)


class AlertIncident(models.Model):
    """One stretch of time in which a rule held for one subject; open while closed_at is null."""

    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="incidents")
    subject = models.CharField(max_length=100, blank=True)
    value = models.FloatField()
    detail = models.JSONField(default=dict)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "subject"], condition=models.Q(closed_at=None), name="one_open_incident"
            )
        ]
        indexes = [models.Index(fields=["-opened_at"], name="incident_newest")]


class AlertMessage(models.Model):
    """One message about one incident to one channel: opened or closed. sent_at is set once it was taken."""

    incident = models.ForeignKey(AlertIncident, on_delete=models.CASCADE, related_name="messages")
    channel = models.ForeignKey(AlertChannel, on_delete=models.CASCADE, related_name="messages")
    event = models.CharField(max_length=10)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["incident", "channel", "event"], name="one_message_per_event")]

"""Who changed what: append-only and hash-chained. Secrets never enter before or after."""

from django.db import models


class AuditEvent(models.Model):
    """hash = sha256(previous_hash + canonical JSON of the other fields)."""

    at = models.DateTimeField()
    actor = models.CharField(max_length=150)
    actor_kind = models.CharField(max_length=10)
    action = models.CharField(max_length=60)
    subject = models.CharField(max_length=150)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.CharField(max_length=500, blank=True)
    address = models.CharField(max_length=45, blank=True)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64, unique=True)

    class Meta:
        ordering = ["-id"]

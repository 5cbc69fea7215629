"""Content-addressed revisions that recorded decisions refer to, settings people change, and what workers report."""

from django.db import models


class ConfigRevision(models.Model):
    """Everything people set that can change a decision: zlib of the canonical document. Immutable."""

    sha256 = models.CharField(primary_key=True, max_length=64)
    document = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)
    reason = models.CharField(max_length=200, blank=True)


class EvidenceRevision(models.Model):
    """Numbers made by jobs: zlib of the canonical document. Immutable, at most one a minute."""

    sha256 = models.CharField(primary_key=True, max_length=64)
    document = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)


class InstallationState(models.Model):
    """One row: which revisions are live, the counter workers poll, the canary that proves this data folder's key."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    config = models.ForeignKey(ConfigRevision, null=True, on_delete=models.PROTECT)
    evidence = models.ForeignKey(EvidenceRevision, null=True, on_delete=models.PROTECT)
    serial = models.BigIntegerField(default=0)
    canary = models.TextField(blank=True)
    sample_data = models.BooleanField(default=False)
    settings = models.JSONField(default=dict)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_installation_state")]


class WorkerReport(models.Model):
    """Heartbeat of one gateway worker, once a second."""

    worker = models.CharField(primary_key=True, max_length=60)
    reported_at = models.DateTimeField()
    config_revision = models.CharField(max_length=64, blank=True)
    serial = models.BigIntegerField(default=0)
    state = models.JSONField(default=dict)

"""Policies, their immutable versions, the projection of rules and the drafts people edit."""

from django.db import models

from routerapp.models.access import User


class Policy(models.Model):
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=300, blank=True)
    live_version = models.ForeignKey("PolicyVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    is_default = models.BooleanField(default=False)
    is_sample = models.BooleanField(default=False)
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=models.Q(is_default=True), name="one_default_policy"
            )
        ]

    def __str__(self) -> str:
        return self.name


class PolicyVersion(models.Model):
    """One published document, canonical and content-addressed. Never changed after it is written."""

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    document = models.JSONField()
    sha256 = models.CharField(max_length=64)
    note = models.CharField(max_length=500, blank=True)
    published_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL)
    published_at = models.DateTimeField(auto_now_add=True)
    rolled_back_from = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["policy", "number"], name="one_version_per_number")]
        ordering = ["-number"]


class Rule(models.Model):
    """Projection of one rule of one version, written with it, for queries and statistics."""

    version = models.ForeignKey(PolicyVersion, on_delete=models.CASCADE, related_name="rules")
    rule_id = models.CharField(max_length=40)
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=100)
    is_enabled = models.BooleanField(default=True)
    strategy = models.CharField(max_length=30, blank=True)
    document = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "rule_id"], name="one_rule_id_per_version")]
        ordering = ["position"]


class Draft(models.Model):
    """One editable document. revision rises with each save; a save against an older one is refused with 409."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="drafts")
    name = models.CharField(max_length=100, default="Draft")
    document = models.JSONField()
    base_version = models.PositiveIntegerField()
    revision = models.PositiveIntegerField(default=1)
    updated_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL)
    updated_at = models.DateTimeField(auto_now=True)
    created_at = models.DateTimeField(auto_now_add=True)

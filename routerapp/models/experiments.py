"""Experiments and their arms; a split strategy names one."""

from django.db import models

from routerapp.models.access import User


class ExperimentState(models.TextChoices):
    DRAFT = "draft", "Not started"
    RUNNING = "running", "Running"
    STOPPED = "stopped", "Stopped"


class Experiment(models.Model):
    """weights_since: when the arms got the shares and uses they have; requests before that were treated otherwise and are not compared."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100)
    policy = models.ForeignKey("Policy", on_delete=models.PROTECT)
    rule_id = models.CharField(max_length=40)
    hypothesis = models.CharField(max_length=500, blank=True)
    unit = models.CharField(max_length=12, default="unit")
    state = models.CharField(max_length=10, choices=ExperimentState, default=ExperimentState.RUNNING)
    started_at = models.DateTimeField(null=True, blank=True)
    weights_since = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    decided_arm = models.CharField(max_length=60, blank=True)
    decision_note = models.CharField(max_length=2000, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    is_sample = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.name


class Arm(models.Model):
    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="arms")
    name = models.CharField(max_length=60)
    weight = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["experiment", "name"], name="one_arm_per_name")]

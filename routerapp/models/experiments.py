"""Experiments and their arms; a split strategy names one."""

from django.db import models


class ExperimentState(models.TextChoices):
    RUNNING = "running", "Running"
    STOPPED = "stopped", "Stopped"


class Experiment(models.Model):
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100)
    policy = models.ForeignKey("Policy", on_delete=models.PROTECT)
    rule_id = models.CharField(max_length=40)
    state = models.CharField(max_length=10, choices=ExperimentState, default=ExperimentState.RUNNING)
    started_at = models.DateTimeField(auto_now_add=True)
    stopped_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class Arm(models.Model):
    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="arms")
    name = models.CharField(max_length=60)
    weight = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["experiment", "name"], name="one_arm_per_name")]

"""Calibrations: the team's own prompts put to several models, with a mark for each answer. What comes out is a benchmark like any other.

Prompts and answers lie here until the calibration is deleted. Money is integer nano-dollars.
"""

from django.db import models

from routerapp.models.access import User
from routerapp.models.jobs import Job


class CalibrationState(models.TextChoices):
    CHOOSING = "choosing", "Choosing prompts"
    ESTIMATED = "estimated", "Waiting for your word"
    RUNNING = "running", "Running"
    STOPPED = "stopped", "Stopped"
    GRADING = "grading", "Waiting for people"
    FINISHING = "finishing", "Writing the benchmark"
    DONE = "done", "Done"


class PromptSource(models.TextChoices):
    TRAFFIC = "traffic", "Recent requests whose content is kept"
    FILE = "file", "Prompts of your own, as JSONL"


class GradingKind(models.TextChoices):
    EXPECTED = "expected", "The expected answer"
    PATTERN = "pattern", "A pattern"
    SCHEMA = "schema", "A JSON schema"
    JUDGE = "judge", "A judge"
    PEOPLE = "people", "People"


class Calibration(models.Model):
    """offered: the prompts of a file as compressed JSON, until some are chosen. estimate: what it costs at most, by deployment.

    coverage: how many prompts were offered, how many clusters they and the chosen ones fill. ceiling_nusd: what a person has confirmed.
    spent_nusd: everything that was paid or may have been, the judge included. problem: why it stands.
    """

    name = models.CharField(max_length=100)
    state = models.CharField(max_length=10, choices=CalibrationState, default=CalibrationState.CHOOSING)
    problem = models.CharField(max_length=1000, blank=True)
    source = models.CharField(max_length=10, choices=PromptSource)
    grading = models.CharField(max_length=10, choices=GradingKind)
    deployments = models.JSONField(default=list)
    judge = models.CharField(max_length=100, blank=True)
    wanted = models.PositiveIntegerField()
    max_output_tokens = models.PositiveIntegerField()
    seed = models.PositiveIntegerField(default=0)
    offered = models.BinaryField(null=True)
    coverage = models.JSONField(default=dict, blank=True)
    estimate = models.JSONField(default=dict, blank=True)
    ceiling_nusd = models.BigIntegerField(null=True, blank=True)
    spent_nusd = models.BigIntegerField(default=0)
    benchmark = models.CharField(max_length=60, blank=True)
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    finished_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class CalibrationPrompt(models.Model):
    """text: the last user message, what a router sees. document: messages as they are sent, and what an answer is held against."""

    calibration = models.ForeignKey(Calibration, on_delete=models.CASCADE, related_name="prompts")
    number = models.PositiveIntegerField()
    text = models.TextField()
    document = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["calibration", "number"], name="one_prompt_per_number")]


class AnswerState(models.TextChoices):
    ASKED = "asked", "Asked"
    ANSWERED = "answered", "Answered"
    GRADED = "graded", "Graded"
    SKIPPED = "skipped", "Skipped"
    MISSING = "missing", "Missing"


class CalibrationAnswer(models.Model):
    """held_nusd: the most that the call now running may cost. place: where people meet it, by chance, so that nobody sees a model's row.

    problem: why there is no answer, or no mark for it. grade: 0 to 1, null is unknown and never 0.
    """

    prompt = models.ForeignKey(CalibrationPrompt, on_delete=models.CASCADE, related_name="answers")
    deployment = models.CharField(max_length=100)
    language_model = models.CharField(max_length=100)
    state = models.CharField(max_length=10, choices=AnswerState)
    text = models.TextField(blank=True)
    is_cut = models.BooleanField(default=False)
    input_tokens = models.IntegerField(null=True)
    output_tokens = models.IntegerField(null=True)
    cost_nusd = models.BigIntegerField(null=True)
    held_nusd = models.BigIntegerField(default=0)
    grade = models.FloatField(null=True)
    problem = models.CharField(max_length=200, blank=True)
    request_id = models.CharField(max_length=36, blank=True)
    place = models.BigIntegerField(default=0)
    graded_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["prompt", "deployment"], name="one_answer_per_deployment"),
            models.CheckConstraint(
                condition=models.Q(grade__isnull=True) | models.Q(grade__gte=0, grade__lte=1), name="grade_within_0_1"
            ),
        ]
        indexes = [models.Index(fields=["state", "place"], name="calibration_queue")]

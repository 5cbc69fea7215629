"""What routers are learned from and what was learned: benchmarks, versions of predictors, reports of evaluations, scores from use.

Recorded requests name a predictor by its sha256 only; nothing of traffic refers to a row here.
"""

from django.db import models

from routerapp.models.access import User


class BenchmarkState(models.TextChoices):
    IMPORTING = "importing", "Importing"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"


class BenchmarkData(models.Model):
    """upload: the file as it came, until it is read. content: its outcomes as store/benchmarks.py packs them.

    singles: per model how many prompts it answered, their mean quality and cost.
    """

    slug = models.SlugField(unique=True, max_length=60)
    name = models.CharField(max_length=100)
    state = models.CharField(max_length=10, choices=BenchmarkState, default=BenchmarkState.IMPORTING)
    problem = models.CharField(max_length=1000, blank=True)
    file_name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    file_bytes = models.BigIntegerField()
    upload = models.BinaryField(null=True)
    content = models.BinaryField(null=True)
    rows = models.BigIntegerField(default=0)
    prompts = models.BigIntegerField(default=0)
    model_names = models.JSONField(default=list, blank=True)
    datasets = models.JSONField(default=dict, blank=True)
    singles = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    def __str__(self) -> str:
        return self.name


class PredictorState(models.TextChoices):
    CANDIDATE = "candidate", "Candidate"
    LIVE = "live", "Live"
    RETIRED = "retired", "Retired"


class PredictorVersion(models.Model):
    """artefact: one safetensors file, addressed by its sha256; never changed. card: the model card (docs/learned-routing.md)."""

    name = models.SlugField(max_length=60)
    version = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64, unique=True)
    state = models.CharField(max_length=10, choices=PredictorState, default=PredictorState.CANDIDATE)
    artefact = models.BinaryField()
    card = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    promoted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="one_predictor_per_version"),
            models.UniqueConstraint(fields=["state"], condition=models.Q(state="live"), name="one_live_predictor"),
        ]

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


class EvaluationReport(models.Model):
    """What was evaluated on what. subject: a predictor as name@version, empty for the baselines alone. report: numbers as JSON."""

    subject = models.CharField(max_length=80, blank=True)
    predictor = models.CharField(max_length=64, blank=True, db_index=True)
    benchmarks = models.JSONField(default=list, blank=True)
    pool = models.JSONField(default=list, blank=True)
    report = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")


# Fewer judgements than this say more about who clicked than about the model: no decision goes by them.
FEWEST_JUDGEMENTS = 20


class ScoreKind(models.TextChoices):
    DIMENSION = "dimension", "Dimension"
    TASK = "task", "Task"


class LearnedScore(models.Model):
    """What use taught of one language model in one dimension or task; every run of the job writes all of them anew.

    mean, low, high: posterior mean and its 95 % interval, 0 to 1. judgements: how many count; effective: fresh, independent outcomes
    they amount to. sources: of each source {n, share, weight}: its share (0 to 1) in what was observed, what one counts for beside a label. set_aside: votes that do not count.
    prior_share: how much comes from the levels of model and subject. is_used: decisions may go by it.
    """

    language_model = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=ScoreKind)
    subject = models.CharField(max_length=60)
    mean = models.FloatField()
    low = models.FloatField()
    high = models.FloatField()
    judgements = models.PositiveIntegerField()
    effective = models.FloatField()
    sources = models.JSONField(default=dict, blank=True)
    set_aside = models.PositiveIntegerField(default=0)
    prior_share = models.FloatField()
    newest_ms = models.BigIntegerField(null=True)
    is_used = models.BooleanField(default=False)
    made_at_ms = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["language_model", "kind", "subject"], name="one_learned_score"),
        ]


class SetAsideVotes(models.Model):
    """Votes that the newest run left out, for people to look at. voter: keyed hash, or "*" for all with few votes, "" for many.

    reason: as learning/votes.py names it, or rate_limited. language_model: over which it was found. detail: the numbers.
    """

    voter = models.CharField(max_length=64, blank=True)
    language_model = models.CharField(max_length=100, blank=True)
    reason = models.CharField(max_length=20)
    votes = models.PositiveIntegerField()
    detail = models.JSONField(default=dict, blank=True)
    made_at_ms = models.BigIntegerField()


class TaskClass(models.Model):
    """What a team says of a task class: examples of its own, and the least posterior with which it is said (null: as fitted).

    slug: one of the engine's classes, or a class of the team's own (own-…). The shipped examples are not kept here.
    """

    slug = models.SlugField(unique=True, max_length=20)
    words = models.CharField(max_length=200, blank=True)
    examples = models.JSONField(default=list, blank=True)
    threshold = models.FloatField(null=True, blank=True)

    def __str__(self) -> str:
        return self.slug


class TaskHeadVersion(models.Model):
    """artefact: one safetensors file, addressed by its sha256; never changed. card: how good it was before and after."""

    version = models.PositiveIntegerField(unique=True)
    sha256 = models.CharField(max_length=64, unique=True)
    state = models.CharField(max_length=10, choices=PredictorState, default=PredictorState.CANDIDATE)
    artefact = models.BinaryField()
    card = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    promoted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["state"], condition=models.Q(state="live"), name="one_live_task_head"),
        ]

    def __str__(self) -> str:
        return f"task-head@{self.version}"

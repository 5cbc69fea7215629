"""What can answer a prompt: providers, language models, deployments, prices, scores, aliases. Archived, never deleted."""

from django.db import models

from routerapp.models.access import User


class ProviderKind(models.TextChoices):
    OPENAI = "openai", "OpenAI-compatible"
    ANTHROPIC = "anthropic", "Anthropic"
    AZURE = "azure", "Azure OpenAI"
    GEMINI = "gemini", "Google Gemini"
    SIMULATED = "simulated", "Simulated"


class Provider(models.Model):
    """preset names an entry of providers/presets.yaml (address and quirks); options are what its kind needs besides, such as api_version."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20, choices=ProviderKind)
    base_url = models.CharField(max_length=500, blank=True)
    preset = models.CharField(max_length=40, blank=True)
    options = models.JSONField(default=dict, blank=True)
    is_enabled = models.BooleanField(default=True)
    is_sample = models.BooleanField(default=False)
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Credential(models.Model):
    """Ours towards one provider. Write-only: ciphertext under a key derived for this purpose, and the last four characters."""

    provider = models.OneToOneField(Provider, on_delete=models.CASCADE)
    ciphertext = models.TextField(editable=False)
    last_four = models.CharField(max_length=4, editable=False)
    updated_at = models.DateTimeField(auto_now=True)


class Modality(models.TextChoices):
    CHAT = "chat", "Chat"
    EMBEDDINGS = "embeddings", "Embeddings"


class LanguageModel(models.Model):
    slug = models.SlugField(unique=True, max_length=100)
    name = models.CharField(max_length=100)
    vendor = models.CharField(max_length=100, blank=True)
    modality = models.CharField(max_length=12, choices=Modality, default=Modality.CHAT)
    context_window = models.PositiveIntegerField()
    max_output_tokens = models.PositiveIntegerField(null=True, blank=True)
    has_tools = models.BooleanField(default=False)
    has_vision = models.BooleanField(default=False)
    has_json_schema = models.BooleanField(default=False)
    has_streaming = models.BooleanField(default=True)
    is_sample = models.BooleanField(default=False)
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Dimension(models.Model):
    """A capability people score models on (accuracy, creativity, code, …). Users add their own."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=300, blank=True)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position", "slug"]

    def __str__(self) -> str:
        return self.name


class ScoreSource(models.TextChoices):
    MANUAL = "manual", "Entered by hand"
    BENCHMARK = "benchmark", "Benchmark"
    SAMPLE = "sample", "Invented sample"


class CapabilityScore(models.Model):
    """value, low and high lie in 0..1; low and high are the 95 % interval where one is known."""

    language_model = models.ForeignKey(LanguageModel, on_delete=models.CASCADE, related_name="scores")
    dimension = models.ForeignKey(Dimension, on_delete=models.PROTECT)
    value = models.FloatField()
    low = models.FloatField(null=True, blank=True)
    high = models.FloatField(null=True, blank=True)
    source = models.CharField(max_length=20, choices=ScoreSource, default=ScoreSource.MANUAL)
    note = models.CharField(max_length=200, blank=True)
    measured_at = models.DateField()
    updated_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["language_model", "dimension"], name="one_score_per_dimension"),
            models.CheckConstraint(condition=models.Q(value__gte=0) & models.Q(value__lte=1), name="score_within_0_1"),
        ]


class Deployment(models.Model):
    slug = models.SlugField(unique=True, max_length=100)
    name = models.CharField(max_length=100)
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="deployments")
    language_model = models.ForeignKey(LanguageModel, on_delete=models.PROTECT, related_name="deployments")
    upstream_model = models.CharField(max_length=200)
    base_url = models.CharField(max_length=500, blank=True, help_text="Overrides the provider's address.")
    region = models.CharField(max_length=40, blank=True)
    residency = models.JSONField(default=list, blank=True)
    tags = models.JSONField(default=list, blank=True)
    weight = models.PositiveIntegerField(default=1)
    max_in_flight = models.PositiveIntegerField(null=True, blank=True)
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True)
    tokens_per_minute = models.PositiveBigIntegerField(null=True, blank=True)
    simulation = models.JSONField(default=dict, blank=True)
    is_enabled = models.BooleanField(default=True)
    is_sample = models.BooleanField(default=False)
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Price(models.Model):
    """Nano-dollars per million tokens, in force from valid_from until the deployment's next price."""

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="prices")
    input_nusd_per_mtok = models.BigIntegerField()
    output_nusd_per_mtok = models.BigIntegerField()
    cached_input_nusd_per_mtok = models.BigIntegerField(null=True, blank=True)
    cache_write_nusd_per_mtok = models.BigIntegerField(null=True, blank=True)
    valid_from = models.DateTimeField()
    source = models.CharField(max_length=100, default="manual")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["deployment", "valid_from"], name="one_price_per_instant"),
            models.CheckConstraint(
                condition=models.Q(input_nusd_per_mtok__gte=0) & models.Q(output_nusd_per_mtok__gte=0),
                name="price_not_negative",
            ),
        ]
        ordering = ["valid_from"]


class Alias(models.Model):
    """A name callers may send as model. target is a reference: policy:<slug>, model:<slug> or deployment:<slug>."""

    name = models.CharField(max_length=100, unique=True)
    target = models.CharField(max_length=120)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class HealthCheck(models.Model):
    """One active check of a deployment's upstream. error_class is empty when it answered; latency_ms is null when it did not."""

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="health_checks")
    at = models.DateTimeField(db_index=True)
    ok = models.BooleanField()
    latency_ms = models.IntegerField(null=True)
    error_class = models.CharField(max_length=40, blank=True)

    class Meta:
        indexes = [models.Index(fields=["deployment", "-at"], name="health_check_newest")]

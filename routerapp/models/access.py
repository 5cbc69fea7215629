"""People, teams and the API keys of callers."""

from collections.abc import Iterator

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.crypto import salted_hmac


class Role(models.TextChoices):
    VIEWER = "viewer", "Viewer"
    EDITOR = "editor", "Editor"
    PUBLISHER = "publisher", "Publisher"
    ADMIN = "admin", "Admin"


class Allowance(models.Model):
    """What one caller may use; null is no limit. Days and months are of UTC; parallel counts requests in flight.

    is_exact: where several gateway processes share their limits, each request asks all of them.
    """

    requests_per_minute = models.PositiveIntegerField(null=True, blank=True)
    tokens_per_minute = models.PositiveBigIntegerField(null=True, blank=True)
    max_parallel = models.PositiveIntegerField(null=True, blank=True)
    daily_spend_nusd = models.BigIntegerField(null=True, blank=True)
    monthly_spend_nusd = models.BigIntegerField(null=True, blank=True)
    is_exact = models.BooleanField(default=False)

    class Meta:
        abstract = True


class Team(Allowance):
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    role = models.CharField(max_length=12, choices=Role, default=Role.VIEWER)
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.SET_NULL)
    must_change_password = models.BooleanField(default=False)
    locked_at = models.DateTimeField(null=True, blank=True)
    session_epoch = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(role__in=Role.values), name="user_role_known")]

    def __str__(self) -> str:
        return self.username

    def get_session_auth_hash(self) -> str:
        """Every session carries it: another password or a raised session_epoch ends those that carry the old one."""
        return self._auth_hash(None)

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """The same under the secrets in force before a rotation."""
        for secret in settings.SECRET_KEY_FALLBACKS:
            yield self._auth_hash(secret)

    def _auth_hash(self, secret: str | None) -> str:
        text = f"{self.session_epoch}:{self.password}"
        return salted_hmac("routerapp.session", text, secret=secret, algorithm="sha256").hexdigest()


# What a key needs no person behind it for; its other scopes manage, and go when its maker goes.
CALL_SCOPES = ("chat", "policy:pin")


class APIKey(Allowance):
    """A caller's key: lookup prefix and keyed hash, never the key itself."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100)
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT)
    prefix = models.CharField(max_length=24, unique=True, editable=False)
    key_hash = models.CharField(max_length=64, editable=False)
    last_four = models.CharField(max_length=4, editable=False)
    scopes = models.JSONField(default=list)
    constraints_document = models.JSONField(default=dict, blank=True)
    default_policy = models.ForeignKey("Policy", null=True, blank=True, on_delete=models.PROTECT)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class EndUserAllowance(Allowance):
    """Limits of one `user` that callers send, by its keyed hash; the row with user_hash `*` holds for every user without a row."""

    user_hash = models.CharField(max_length=64, unique=True)
    label = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.label or self.user_hash

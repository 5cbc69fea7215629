"""What proves a person: second factor, recovery codes, invitations, identities at an OpenID provider. Secrets are hashes or ciphertext.

Also where people are signed in, and how often signing in failed of late.
"""

from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models

from routerapp.models.access import Role, Team, User


class SecondFactor(models.Model):
    """A TOTP secret (RFC 6238). last_step: the newest time step used, so that no code works twice."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="second_factor")
    ciphertext = models.TextField(editable=False)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    last_step = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)


class RecoveryCode(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recovery_codes")
    code_hash = models.CharField(max_length=64, editable=False)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "code_hash"], name="one_recovery_code")]


class Invitation(models.Model):
    """A link that lets one person choose a password. The link's secret is kept as a keyed hash.

    for_user: who has an account already and only needs a new password; null invites somebody new.
    """

    for_user = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="password_links")
    username = models.CharField(max_length=150)
    email = models.CharField(max_length=254, blank=True)
    role = models.CharField(max_length=12, choices=Role)
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.SET_NULL)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)


class ExternalIdentity(models.Model):
    """Who a person is at an OpenID provider; issuer and subject never change hands."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="identities")
    issuer = models.CharField(max_length=300)
    subject = models.CharField(max_length=255)
    last_sign_in_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="one_external_identity")]


class SignInSession(AbstractBaseSession):
    """One browser. Whose it is and what can be told of it stand in columns; Django's own data stay in session_data."""

    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="sessions")
    signed_in_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)
    address = models.CharField(max_length=45, blank=True)
    agent = models.CharField(max_length=200, blank=True)


class FailedSignIns(models.Model):
    """Failures of one subject (a name at an address, an address, a person's codes) in one window. subject: a keyed hash."""

    subject = models.CharField(max_length=64, unique=True)
    failures = models.PositiveIntegerField(default=0)
    since = models.DateTimeField()
    blocked_until = models.DateTimeField(null=True)

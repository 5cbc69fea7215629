"""The people of these tests, one a role."""

from routerapp.models import Role
from routerapp.serving.permissions import Actor

VIEWER, EDITOR, PUBLISHER, ADMIN = (Actor(role, "user", role, "192.0.2.7") for role in Role.values)

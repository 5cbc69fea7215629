"""Every address under /api/ that is none: answered in the API's own error shape, not with a page."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from routerapp.api.endpoint import Endpoint


@extend_schema(exclude=True)
class Nothing(Endpoint):
    permission_classes = [AllowAny]
    authentication_classes = []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise Http404

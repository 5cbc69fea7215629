"""/api/schema/ and /api/docs/: the API described for machines and for people. The page is rendered here: no script, nothing fetched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.permissions import AllowAny

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Row:
    """One parameter or field. depth counts how far inside it stands."""

    name: str
    type: str
    is_required: bool
    note: str
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Operation:
    id: str
    method: str
    path: str
    summary: str
    parameters: tuple[Row, ...]
    body: tuple[Row, ...]
    status: str
    answer: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    slug: str
    operations: tuple[Operation, ...]


@extend_schema(exclude=True)
class SchemaView(SpectacularAPIView):
    """The OpenAPI document, as JSON; open to everyone, it holds nothing of this installation."""

    authentication_classes = []
    permission_classes = [AllowAny]
    renderer_classes = [OpenApiJsonRenderer]


def docs(request: HttpRequest) -> HttpResponse:
    return render(request, "api/docs.html", {"sections": sections()})


@lru_cache(maxsize=1)
def sections() -> tuple[Section, ...]:
    """The schema by tag, in the order of the paths; made once per process."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    shapes = schema["components"]["schemas"]
    found: dict[str, list[Operation]] = {}
    for path, item in schema["paths"].items():
        for method in METHODS:
            if method in item:
                found.setdefault(item[method]["tags"][0], []).append(_operation(path, method, item[method], shapes))
    return tuple(Section(name, name.lower(), tuple(operations)) for name, operations in found.items())


def _operation(path: str, method: str, document: Mapping[str, Any], shapes: Mapping[str, Any]) -> Operation:
    status = next(iter(code for code in document["responses"] if code.startswith("2")))
    return Operation(
        id=document["operationId"],
        method=method.upper(),
        path=path,
        summary=document.get("summary", ""),
        parameters=tuple(
            Row(one["name"], _type_of(one["schema"], shapes), one.get("required", False), one.get("description", ""))
            for one in document.get("parameters", ())
        ),
        body=tuple(_rows(_content(document.get("requestBody")), shapes)),
        status=status,
        answer=tuple(_rows(_content(document["responses"][status]), shapes)),
    )


def _content(holder: Mapping[str, Any] | None) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = (holder or {}).get("content", {}).get("application/json", {}).get("schema", {})
    return schema


def _rows(schema: Mapping[str, Any], shapes: Mapping[str, Any], depth: int = 0) -> Iterator[Row]:
    """The fields of an object, inner objects behind their field."""
    resolved = _resolve(schema, shapes)
    required = resolved.get("required", ())
    for name, field in resolved.get("properties", {}).items():
        inner = _resolve(field, shapes)
        note = field.get("description") or inner.get("description", "") if "properties" not in inner else ""
        yield Row(name, _type_of(field, shapes), name in required, note, depth)
        if inner.get("type") == "array":
            inner = _resolve(inner["items"], shapes)
        if depth < 2:
            yield from _rows(inner, shapes, depth + 1)


def _resolve(schema: Mapping[str, Any], shapes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follows a reference, also one wrapped for a description or for null."""
    for wrapper in ("allOf", "oneOf"):
        if wrapper in schema:
            return _resolve(schema[wrapper][0], shapes)
    if "$ref" in schema:
        shape: Mapping[str, Any] = shapes[schema["$ref"].rsplit("/", 1)[-1]]
        return shape
    return schema


def _type_of(schema: Mapping[str, Any], shapes: Mapping[str, Any]) -> str:
    resolved = _resolve(schema, shapes)
    ends = " or null" if schema.get("nullable") else ""
    if resolved.get("enum"):
        return " | ".join(str(value) for value in resolved["enum"] if value not in ("", None)) + ends
    if resolved.get("type") == "array":
        return f"list of {_type_of(resolved['items'], shapes)}{ends}"
    name = resolved.get("format", resolved.get("type", "object"))
    return {"int64": "integer", "double": "number", "uri": "string"}.get(name, name) + ends

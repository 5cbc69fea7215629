"""Request bodies: JSON that means one thing only. At most 1 MB, 64 levels, no NaN, no name given twice, nothing a database cannot keep."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser

from routerapp.serving.documents import refuse_unstorable
from routerapp.serving.refusals import Invalid

MAX_BODY_BYTES = 1_000_000


class BodyTooLarge(APIException):
    status_code = 413
    default_code = "body_too_large"
    default_detail = f"A body has at most {MAX_BODY_BYTES:,} bytes."


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The decoded body; what the length header says is not trusted."""
        body = stream.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge
        try:
            value = json.loads(body.decode("utf-8"), object_pairs_hook=_once_each, parse_constant=_refuse_constant)
            refuse_unstorable(value)
        except RecursionError as error:
            raise ParseError("The JSON is nested too deeply.", code="malformed_json") from error
        except Invalid as error:
            raise ParseError(error.problems[0].message, code="malformed_json") from error
        except ValueError as error:
            raise ParseError(f"The body is not JSON we accept: {str(error)[:200]}", code="malformed_json") from error
        return value


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name is given twice in one object")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")

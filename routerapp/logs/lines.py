"""One log record as one line: text for people, JSON for machines. What goes out is redacted and holds no control characters.

The logging configuration in settings names these classes; nothing else needs them.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from routerapp.logs.redaction import Redactor

# Members of a record that may be given as `extra` and are worth a field of their own.
FIELDS = (
    "request_id",
    "decision_id",
    "job_id",
    "method",
    "path",
    "status",
    "duration_ms",
    "bytes_sent",
    "client",
)
# What the access log's message says already.
IN_MESSAGE = ("method", "path")
_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(0x7F, 0xA0)) if code not in (0x09, 0x0A)}
_LINE_ESCAPES = _ESCAPES | {0x0A: "\\n"}


class TextLines(logging.Formatter):
    """A traceback keeps its lines; a message never begins a second one."""

    def __init__(self, redactor: Redactor | None = None) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self._redact = redactor or Redactor()

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = record.message.translate(_LINE_ESCAPES)
        fields = "".join(f" {name}={value}" for name, value in _fields(record).items() if name not in IN_MESSAGE)
        return super().formatMessage(record) + fields

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record)).translate(_ESCAPES)


class JsonLines(logging.Formatter):
    """{"at", "level", "logger", "message", …}: request_id and its like where the record has them, error where there was one."""

    def __init__(self, redactor: Redactor | None = None) -> None:
        super().__init__()
        self._redact = redactor or Redactor()

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps({name: self._plain(value) for name, value in line.items()}, ensure_ascii=True)

    def _plain(self, value: Any) -> Any:
        return value if isinstance(value, int | float) or value is None else self._redact(str(value))


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in FIELDS if getattr(record, name, None) is not None}

"""Secrets planted everywhere a secret can enter, and every place where one could come out again: for test_planted_secrets.py."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import sqlite3
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from urllib.parse import quote, unquote

import httpx

PASSWORD = "planted-Admin-password-41"
CREDENTIAL = "sk-planted-Provider-credential-42"
SECOND_CREDENTIAL = "planted+Other/credential=43"
CLIENT_SECRET = "planted-Client-secret-44"
WEBHOOK_SECRET = "planted-Webhook-secret-45"
SMTP_PASSWORD = "planted-Smtp-password-46"
OTLP_HEADER = "planted-Otlp-header-47"
METRICS_TOKEN = "planted-Metrics-token-48"
PASSPHRASE = "planted-Backup-passphrase-49"
SENT_AUTHORIZATION = "planted-Sent-authorization-50"
SENT_COOKIE = "planted-Sent-cookie-51"
SENT_KEY = "planted-Sent-x-api-key-52"
IN_QUERY = "planted-In-query-53"
IN_USERINFO = "planted-In-userinfo-54"
OF_ENVIRONMENT = "planted-Of-environment-55"
WRONG_PASSWORD = "planted-Wrong-password-56"
OPENID_CODE = "planted-Openid-code-57"
TRIED_CREDENTIAL = "sk-planted-Tried-credential-58"
AZURE_CREDENTIAL = "planted/Azure+credential=61"
GEMINI_CREDENTIAL = "AIzaplanted-Gemini-credential-62"
WEBHOOK_PATH = "planted-Webhook-path-63"
WEBHOOK_QUERY = "planted-Webhook-query-64"

# The only files that hold a secret by design, both readable by their owner alone.
HOLDS_A_SECRET = ("root.key", "first-key")


@dataclass
class Planted:
    """secrets: name → text; what is made while the product runs is added. seen: everything that came out, by where it did."""

    secrets: dict[str, str] = field(default_factory=dict)
    seen: dict[str, list[bytes]] = field(default_factory=dict)

    def plant(self, name: str, secret: str) -> str:
        assert len(secret) >= 8, name
        self.secrets[name] = secret
        return secret

    def came_out(self, where: str, data: bytes | str) -> None:
        raw = data.encode() if isinstance(data, str) else data
        self.seen.setdefault(where, []).append(raw)
        read = as_read(raw.decode("utf-8", "replace")).encode("utf-8", "replace")
        if read != raw:
            self.seen[where].append(read)

    def found(self, *beginnings: str) -> set[tuple[str, str]]:
        """(secret's name, where) of what came out at places that begin so: in the clear, or as base64, hexadecimal, JSON or part of a URL."""
        wanted = {(name, spelling) for name, secret in self.secrets.items() for spelling in spellings(secret)}
        hits = set()
        for where, parts in self.seen.items():
            if not where.startswith(beginnings):
                continue
            whole = b"\0".join(parts)
            hits |= {(name, where) for name, spelling in wanted if spelling in whole}
        return hits


def spellings(secret: str) -> set[bytes]:
    raw = secret.encode()
    coded = {base64.b64encode(raw[shift:]).decode().rstrip("=")[:-2] for shift in (0, 1, 2)}
    return {
        raw,
        *(text.encode() for text in coded),
        raw.hex().encode(),
        quote(secret, safe="").encode(),
        json.dumps(secret)[1:-1].encode(),
    }


def as_read(text: str) -> str:
    """As whoever decodes JSON, HTML or a URL in it reads it."""
    plain = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text.replace("\\/", "/"))
    return unescape(unquote(plain))


class Caller:
    """Sends requests and keeps what came back. shows: secrets this one answer exists to show, once."""

    def __init__(self, planted: Planted, client: httpx.Client, where: str) -> None:
        self.planted, self.client, self.where = planted, client, where

    def __call__(self, method: str, path: str, *, is_shown_once: bool = False, **options: object) -> httpx.Response:
        answer = self.client.request(method, path, **options)  # type: ignore[arg-type]
        assert answer.status_code != 500, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        if not is_shown_once:
            where = f"{self.where} {method} {path.split('?')[0]}"
            self.planted.came_out(where, "\n".join(f"{k}: {v}" for k, v in answer.headers.multi_items()))
            self.planted.came_out(where, answer.content)
        return answer


def unpacked(data: bytes) -> bytes:
    """With what is compressed in it beside it."""
    for unpack in (zlib.decompress, gzip.decompress):
        with suppress(Exception):
            return data + b"\0" + unpack(data)
    return data


def rows_of(database: Path) -> Iterator[tuple[str, bytes]]:
    """(table, every row of it as bytes)."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            rows = connection.execute(f'SELECT * FROM "{table}"').fetchall()
            yield table, b"\0".join(_cell(cell) for row in rows for cell in row)


def files_of(data_dir: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of the data folder but the two that hold a secret and the pages' own files."""
    for path in sorted(data_dir.rglob("*")):
        if path.is_file() and path.name not in HOLDS_A_SECRET and "static" not in path.relative_to(data_dir).parts:
            with suppress(FileNotFoundError):
                yield str(path.relative_to(data_dir)), unpacked(path.read_bytes())


def members_of(backup: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(backup.read_bytes()))) as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member)
            if file is not None:
                yield member.name, unpacked(file.read())


def _cell(cell: object) -> bytes:
    return unpacked(cell) if isinstance(cell, bytes) else str(cell).encode()

"""Content parts of the OpenAI dialect as content blocks of the Messages API. Pure; says what it cannot take instead of leaving it out.

https://platform.claude.com/docs/en/build-with-claude/vision and pdf-support.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any

Block = dict[str, Any]

IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)((?:;[\w.+-]+=[^;,]*)*);base64,", re.ASCII)
# Blocks of the Messages API that callers of the OpenAI dialect put among their parts; they go upstream as they are.
_OWN = ("image", "document", "search_result")


class CannotSay(ValueError):
    """A part of a message that Anthropic has no form for."""


def blocks_of(content: Any) -> Iterator[Block]:
    """Blocks of a message's content; empty texts, which the vendor refuses, are left out. Raises CannotSay."""
    if isinstance(content, str):
        if content:
            yield {"type": "text", "text": content}
        return
    for part in content if isinstance(content, list) else ():
        block = _block_of(part)
        if block is not None:
            yield with_cache_control(block, part)


def with_cache_control(block: Block, holder: Mapping[str, Any]) -> Block:
    """The holder's mark for prompt caching, where it carries one."""
    mark = holder.get("cache_control")
    return {**block, "cache_control": mark} if isinstance(mark, dict) else block


def _block_of(part: Mapping[str, Any]) -> Block | None:
    kind = part.get("type")
    if kind in ("text", "refusal", "input_text", "output_text"):
        text = part.get("refusal" if kind == "refusal" else "text")
        return {"type": "text", "text": text} if isinstance(text, str) and text else None
    if kind in ("image_url", "input_image"):
        return {"type": "image", "source": _image_source(part.get("image_url"))}
    if kind == "file":
        return _document(part.get("file"))
    if kind in _OWN:
        return dict(part)
    raise CannotSay(f"Anthropic has no form for content of type {str(kind)[:40]!r}.")


def _image_source(image: Any) -> Block:
    url = image.get("url") if isinstance(image, dict) else image
    if not isinstance(url, str):
        raise CannotSay("An image needs a url.")
    if url.startswith(("https://", "http://")):
        return {"type": "url", "url": url}
    media_type, data = _data_of(url)
    if media_type not in IMAGES:
        raise CannotSay(f"Anthropic takes images as {', '.join(sorted(IMAGES))}.")
    return {"type": "base64", "media_type": media_type, "data": data}


def _document(file: Any) -> Block:
    """PDF and plain text; the file's name becomes the document's title."""
    data_url = file.get("file_data") if isinstance(file, dict) else None
    if not isinstance(data_url, str):
        raise CannotSay("Anthropic takes files as data: URLs in file_data; it does not know another vendor's file ids.")
    media_type, data = _data_of(data_url)
    if media_type == "application/pdf":
        source = {"type": "base64", "media_type": media_type, "data": data}
    elif media_type.startswith("text/"):
        source = {"type": "text", "media_type": "text/plain", "data": _decoded(data)}
    else:
        raise CannotSay("Anthropic takes files as application/pdf or text.")
    name = file.get("filename")
    return {"type": "document", "source": source} | ({"title": name[:500]} if isinstance(name, str) and name else {})


def _data_of(url: str) -> tuple[str, str]:
    found = _DATA_URL.match(url)
    if found is None:
        raise CannotSay("Anthropic takes an https address or a data: URL that names its type and is base64.")
    return found[1].lower(), url[found.end() :]


def _decoded(data: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError):
        raise CannotSay("The file's base64 does not hold UTF-8 text.") from None

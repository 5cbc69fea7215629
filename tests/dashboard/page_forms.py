"""Reads a form out of a page as a browser would send it, so that tests post what the template really offers."""

from __future__ import annotations

from html.parser import HTMLParser


class _Reader(HTMLParser):
    def __init__(self, form_id: str) -> None:
        super().__init__()
        self._form_id = form_id
        self._is_inside = False
        self._select: str | None = None
        self._options: list[tuple[str, bool]] = []
        self._area: str | None = None
        self._text = ""
        self.fields: dict[str, list[str]] = {}
        self.buttons: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag == "form":
            self._is_inside = given.get("id") == self._form_id or not self._form_id
        name = given.get("name") or ""
        if not self._is_inside or (not name and tag != "option"):
            return
        if tag == "input":
            kind = given.get("type", "text")
            if kind not in ("checkbox", "radio") or "checked" in given:
                self._add(name, given.get("value") or ("on" if kind in ("checkbox", "radio") else ""))
        elif tag == "button":
            self.buttons.append((name, given.get("value") or ""))
        elif tag == "select":
            self._select, self._options = name, []
        elif tag == "option" and self._select is not None:
            self._options.append((given.get("value") or "", "selected" in given))
        elif tag == "textarea":
            self._area, self._text = name, ""

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_inside = False
        elif tag == "select" and self._select is not None:
            chosen = [value for value, is_chosen in self._options if is_chosen] or [self._options[0][0]]
            self._add(self._select, chosen[-1])
            self._select = None
        elif tag == "textarea" and self._area is not None:
            self._add(self._area, self._text.removeprefix("\n").replace("\n", "\r\n"))
            self._area = None

    def _add(self, name: str, value: str) -> None:
        self.fields.setdefault(name, []).append(value)


def read_form(html: str, form_id: str = "rule-form") -> dict[str, list[str]]:
    """Field name → values. form_id empty: the last form of the page without an id check."""
    reader = _Reader(form_id)
    reader.feed(html)
    return {name: values for name, values in reader.fields.items() if name != "csrfmiddlewaretoken"}


def read_buttons(html: str, form_id: str = "rule-form") -> list[tuple[str, str]]:
    reader = _Reader(form_id)
    reader.feed(html)
    return reader.buttons

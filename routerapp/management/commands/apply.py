"""`apply`: make the installation what a configuration document says."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from routerapp.management.configuration_words import plan_document, plan_text
from routerapp.management.json_command import OPERATOR, Answer, Failed, JsonCommand, input_argument, read_input
from routerapp.serving.configuration.document import apply_configuration
from routerapp.serving.document_text import UnreadableText, read_text

MOST_BYTES = 8_000_000


class Command(JsonCommand):
    help = (
        "Apply a document as `export` writes it. What it does not mention stays as it is. All of it is checked first and written in "
        "one transaction with audit events; policies are published through the same checks as from the editor."
    )
    example = "python manage.py apply signalbox.yaml --dry-run"

    def add_arguments(self, parser: ArgumentParser) -> None:
        input_argument(parser, "file", "a document in YAML or JSON")
        parser.add_argument("--dry-run", action="store_true", help="say what would change, and what would be refused")
        parser.add_argument(
            "--prune",
            action="store_true",
            help="also archive or remove what is missing from a section that the document has; keys and prices never",
        )

    def work(self, **options: Any) -> Answer:
        text = read_input(options["file"], MOST_BYTES)
        try:
            document, _ = read_text(text, MOST_BYTES)
        except UnreadableText as error:
            place = f"Line {error.problem.line}: " if error.problem.line else ""
            raise Failed(f"{place}{error}", code="unreadable_document") from None
        is_dry = options["dry_run"]
        applied = apply_configuration(document, by=OPERATOR, prune=options["prune"], dry_run=is_dry)
        return Answer(plan_document(applied, is_dry=is_dry), plan_text(applied, is_dry=is_dry))

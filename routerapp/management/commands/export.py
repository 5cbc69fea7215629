"""`export`: the whole configuration as one document."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from routerapp.management.json_command import OPERATOR, Answer, JsonCommand
from routerapp.serving.configuration.document import export_configuration
from routerapp.serving.document_text import write_text


class Command(JsonCommand):
    help = (
        "Print the configuration as one document: dimensions, providers (without credentials), models, deployments, scores, prices, "
        "policies, aliases, keys' settings (without the keys) and settings. `apply` takes it. YAML, or JSON with --json."
    )
    example = "python manage.py export > signalbox.yaml"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--history", action="store_true", help="with every published version of each policy, to read"
        )

    def work(self, **options: Any) -> Answer:
        document = export_configuration(by=OPERATOR, with_history=options["history"])
        return Answer(document, write_text(document, "yaml").rstrip("\n"))

"""`learn`: train predictors and let them speak. Each subcommand is a module of `management/learning`."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser
from typing import Any

from routerapp.management.json_command import Answer, JsonCommand
from routerapp.management.learning import evaluate, score, train

SUBCOMMANDS = {"train": train, "score": score, "evaluate": evaluate}


class Command(JsonCommand):
    help = "Learned routing from files of graded prompts: train a predictor, and write what it expects."
    example = "python manage.py learn train graded.parquet --pool gpt-large,gpt-small --out router.safetensors"

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND")
        for name, module in SUBCOMMANDS.items():
            action = actions.add_parser(name, help=module.HELP, description=module.HELP)
            module.add_arguments(action)
            action.add_argument(
                "--json",
                action="store_true",
                default=SUPPRESS,
                help="one JSON document on stdout, errors as JSON on stderr",
            )

    def work(self, **options: Any) -> Answer:
        return SUBCOMMANDS[options["subcommand"]].run(options)

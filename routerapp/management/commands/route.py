"""`route`: the decision alone for a prompt; nothing is sent and nothing is recorded."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from routerapp.management.chat_input import caller_of, chat_arguments, read_chat, subject_of
from routerapp.management.decision_words import decision_document, decision_text
from routerapp.management.json_command import FOUND, OK, USAGE, Answer, Failed, JsonCommand
from routerapp.management.offline_runtime import offline_runtime
from routerapp.serving.served import Refused
from routerapp.serving.simulate import simulate


class Command(JsonCommand):
    help = (
        "Say which deployment a prompt would go to, and why, by the live configuration. Breakers, latencies and requests in flight "
        "are those of a worker that has just started. Exit code 1 when nothing can take it or a rule rejects it."
    )
    example = "python manage.py route 'Write a haiku about trains.' --policy company"

    def add_arguments(self, parser: ArgumentParser) -> None:
        chat_arguments(parser)
        parser.add_argument("--seed", metavar="N", type=int, help="decide draws by chance with this seed")

    def work(self, **options: Any) -> Answer:
        subject, chat = subject_of(options), read_chat(options)
        with offline_runtime() as runtime:
            try:
                found = simulate(runtime, chat, on=subject, caller=caller_of(options, runtime), seed=options["seed"])
            except Refused as refused:
                raise Failed(str(refused), code=refused.code, exit_code=USAGE) from None
        decision = found.decision
        return Answer(decision_document(decision), decision_text(decision), OK if decision.plan else FOUND)

"""`explain`: why not this deployment, and the smallest single change that would choose it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from routerapp.engine.explain import Explanation
from routerapp.management.chat_input import caller_of, chat_arguments, read_chat, subject_of
from routerapp.management.json_command import FOUND, OK, USAGE, Answer, Failed, JsonCommand
from routerapp.management.offline_runtime import offline_runtime
from routerapp.serving.explain_decision import explain_recorded, explain_simulated, explanation_document
from routerapp.serving.served import Refused
from routerapp.serving.simulate import simulate
from routerapp.store.replay import NotReplayable

LONGEST_SECONDS = 10.0


class Command(JsonCommand):
    help = (
        "Say why a deployment was not chosen, for a recorded request or for a prompt, and the smallest change of one number, flag, "
        "score, price or constraint that would choose it; the decision itself has checked it. Exit code 1 when no one change does."
    )
    example = "python manage.py explain claude-opus-5-5 --request 0193b000-0000-7000-8000-00000000002d"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("deployment", help="the slug of the deployment that was not chosen")
        parser.add_argument("--request", metavar="ID", help="a recorded request, instead of a prompt")
        chat_arguments(parser)
        parser.add_argument("--seed", metavar="N", type=int, help="decide draws by chance with this seed")

    def work(self, **options: Any) -> Answer:
        explanation = _of_request(options) if options["request"] else _of_prompt(options)
        document = explanation_document(explanation)
        is_answered = document["is_first"] or explanation.change is not None
        return Answer(document, _text(document), OK if is_answered else FOUND)


def _of_request(options: dict[str, Any]) -> Explanation:
    if options["prompt"] or options["file"]:
        raise Failed("Give --request or a prompt, one of them.", code="usage", exit_code=USAGE)
    found = explain_recorded(options["request"], options["deployment"], LONGEST_SECONDS)
    if isinstance(found, NotReplayable):
        raise Failed(found.reason, code=found.code)
    return found


def _of_prompt(options: dict[str, Any]) -> Explanation:
    subject, chat = subject_of(options), read_chat(options)
    with offline_runtime() as runtime:
        try:
            caller = caller_of(options, runtime)
            simulation = simulate(runtime, chat, on=subject, caller=caller, seed=options["seed"])
        except Refused as refused:
            raise Failed(str(refused), code=refused.code, exit_code=USAGE) from None
        return explain_simulated(simulation, options["deployment"])


def _text(document: dict[str, Any]) -> str:
    target = document["deployment"]
    if document["is_first"]:
        return f"{target} is chosen."
    why = document["why_not"]
    detail = ", ".join(f"{name} {value}" for name, value in why["detail"].items())
    lines = [
        f"{target} is not chosen; {document['first'] or 'nothing'} is.",
        f"Why not: {why['verdict'].replace('_', ' ')}" + (f" ({detail})" if detail else ""),
        document["sentence"],
        document["checked"],
    ]
    if not document["is_complete"]:
        lines.append("The search was stopped by its time: there may be a smaller change.")
    return "\n".join(line for line in lines if line)

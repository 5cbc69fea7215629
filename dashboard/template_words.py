"""The policy templates as people read them: a name, one sentence, and what happens to a prompt, line by line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from routerapp.serving.policy_templates import HEDGE_AFTER_MS, QUALITY_FLOOR


@dataclass(frozen=True, slots=True)
class TemplateWords:
    name: str
    sentence: str
    lines: tuple[str, ...]


TEMPLATE_WORDS: Mapping[str, TemplateWords] = MappingProxyType(
    {
        "blank": TemplateWords(
            "Blank", "Everything to the cheapest.", ("Each prompt goes to the cheapest model that can answer it.",)
        ),
        "balanced": TemplateWords(
            "Balanced",
            "Quality, cost and latency weighed for every prompt.",
            (
                "Each model gets a score: half quality, a fifth cost, the rest time to the first token.",
                "The best score answers; the next best stands by if it fails.",
            ),
        ),
        "cheapest-good": TemplateWords(
            "Cheapest that is good enough",
            "As cheap as possible, but never below a quality you can defend.",
            (
                f"Only models with a quality of at least {QUALITY_FLOOR:g} take part, also as fallbacks.",
                "Of those, the one that answers this prompt for the least money.",
            ),
        ),
        "by-task": TemplateWords(
            "By task",
            "The hard work to the most capable, everything else to the cheapest.",
            (
                "Code, mathematics and reasoning go to the model with the highest scores.",
                "Chat, writing, summaries and the rest go to the cheapest.",
            ),
        ),
        "personal-data-stays": TemplateWords(
            "Personal data stays here",
            "Prompts with personal data never leave the place you name; the rest is balanced.",
            (
                "E-mail addresses, phone and card numbers, IBANs and secrets are looked for in the whole conversation.",
                "What contains them goes only to your own place, or is refused; nothing else is ever tried.",
                "All other prompts: quality, cost and latency weighed.",
            ),
        ),
        "fast-reliable": TemplateWords(
            "Fast and reliable",
            "The quickest first token, with a second model ready before anyone notices.",
            (
                "The model with the shortest measured time to its first token answers.",
                f"Silent for {HEDGE_AFTER_MS // 1000} seconds, it gets company: a second model is asked as well, the first to speak wins, both are paid.",
                "Errors go on to the next model.",
            ),
        ),
    }
)


def choice_words(template: str) -> str:
    """For a list to choose from."""
    words = TEMPLATE_WORDS[template]
    return f"{words.name}: {words.sentence[0].lower()}{words.sentence[1:].rstrip('.')}"

"""The pools of models on which routing quality is measured, as reported publicly: which file, which of its rows, which models.

`costed` is false where a model's billed tokens are not known, so that only quality is compared.
"""

from __future__ import annotations

from dataclasses import dataclass

from routerapp.learning.outcomes import Outcomes


@dataclass(frozen=True, slots=True)
class Pool:
    """models in the order of the table. task: only prompts of this task, if not empty."""

    name: str
    file: str
    models: tuple[str, ...]
    task: str = ""
    costed: bool = True

    def of(self, outcomes: Outcomes) -> Outcomes:
        """This pool's prompts and models of a file's outcomes; prompts that none of its models answered are left out."""
        kept = outcomes
        if self.task:
            kept = kept.rows([row for row, task in enumerate(kept.tasks) if task == self.task])
        return kept.pool(self.models)


_REASONING = (
    "llama-4-maverick",
    "claude-3.5-sonnet",
    "llama-4-scout",
    "mistral-small-3.1-24b-instruct",
    "llama-3.3-70b-instruct",
    "gemma-3-27b-it",
)
_ROUTELLM = ("gpt-4-1106-preview", "mixtral-8x7b-instruct-v0.1")

POOLS = (
    Pool(
        "mmlu-pro",
        "mmlu-pro.parquet",
        (
            "gemini-1.5-pro-002",
            "gemini-1.5-flash-002",
            "Meta-Llama-3_1-70B-Instruct",
            "jamba-1.5-large",
            "Qwen1.5-72B-Chat",
            "Meta-Llama-3_1-8B-Instruct",
            "Phi-3-mini-4k-instruct",
            "Mixtral-8x7B-Instruct-v0.1",
            "mathstral-7B",
            "c4ai-command-r-v01",
        ),
    ),
    Pool(
        "mmlu-pro-open",
        "mmlu-pro.parquet",
        (
            "Meta-Llama-3_1-70B-Instruct",
            "Qwen1.5-72B-Chat",
            "Meta-Llama-3_1-8B-Instruct",
            "Phi-3-mini-4k-instruct",
            "Mixtral-8x7B-Instruct-v0.1",
            "mathstral-7B",
            "c4ai-command-r-v01",
            "Yi-34B",
            "gemma-7b",
            "Mistral-7B-Instruct-v0.2",
        ),
    ),
    Pool(
        "zeroeval",
        "zeroeval.parquet",
        (
            "claude-3-5-sonnet-20241022",
            "gpt-4o-2024-08-06",
            "gpt-4o-mini-2024-07-18",
            "Mistral-Large-2",
            "Llama-3.1-405B-Inst@sambanova",
            "claude-3-5-haiku-20241022",
            "deepseek-v2.5-0908",
            "Meta-Llama-3.1-70B-Instruct",
            "gemini-1.5-pro",
            "Qwen2-72B-Instruct",
            "gemini-1.5-flash",
            "claude-3-haiku-20240307",
            "gemma-2-9b-it",
            "Meta-Llama-3.1-8B-Instruct",
        ),
    ),
    Pool("reasoning-gym", "reasoning-gym.parquet", _REASONING),
    Pool(
        "reasoning-gym-all", "reasoning-gym.parquet", ("o3-mini", "deepseek-r1", "qwq-32b", *_REASONING), costed=False
    ),
    Pool("routellm-mmlu", "routellm.parquet", _ROUTELLM, task="mmlu"),
    Pool("routellm-gsm8k", "routellm.parquet", _ROUTELLM, task="gsm8k"),
)

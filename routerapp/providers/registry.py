"""Which adapter speaks for which provider kind. A new provider is one file, one test file and one line here."""

from routerapp.providers.anthropic.adapter import AnthropicAdapter
from routerapp.providers.azure import AzureAdapter
from routerapp.providers.base import Adapter
from routerapp.providers.gemini.adapter import GeminiAdapter
from routerapp.providers.openai import OpenAIAdapter
from routerapp.providers.simulated import SimulatedAdapter

ADAPTERS: dict[str, Adapter] = {
    adapter.kind: adapter
    for adapter in (OpenAIAdapter(), AnthropicAdapter(), AzureAdapter(), GeminiAdapter(), SimulatedAdapter())
}

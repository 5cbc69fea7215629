"""Which adapter speaks for which provider kind. A new provider is one file, one test file and one line here."""

from routerapp.providers.base import Adapter
from routerapp.providers.openai import OpenAIAdapter
from routerapp.providers.simulated import SimulatedAdapter

ADAPTERS: dict[str, Adapter] = {adapter.kind: adapter for adapter in (OpenAIAdapter(), SimulatedAdapter())}

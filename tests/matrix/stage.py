"""The gateway with one deployment at every upstream of the matrix, each upstream a loopback server in its vendor's wire format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from routerapp.providers.client import HttpTransport
from routerapp.providers.clock import SystemClock
from routerapp.providers.dispatch import DispatchTransport
from routerapp.providers.egress import EgressGuard
from routerapp.providers.simulated import SimulatedTransport
from routerapp.store.keys import NewKey
from routerapp.store.secrets import encrypt_credential
from routerapp.store.snapshot import Snapshot
from tests.gateway.server import Running, running_gateway
from tests.matrix.cells import DATED, UPSTREAMS, Upstream
from tests.matrix.wire.anthropic import Anthropic
from tests.matrix.wire.gemini import Gemini
from tests.matrix.wire.openai import Azure, OpenAI
from tests.matrix.wire.server import Vendor, serving
from tests.runtimes import a_deployment, a_snapshot

CREDENTIAL = "credential-of-the-provider"
# Behind the address of each vendor's server, as operators write it.
PATHS = {"openai": "/openai/v1", "anthropic": "/anthropic", "anthropic-2023": "/anthropic/v1"}
PATHS |= {"azure": "/azure", "azure-dated": "/azure-dated", "gemini": "/gemini/v1beta", "simulated": ""}


def make_vendors() -> dict[str, Vendor]:
    return {
        "openai": OpenAI(CREDENTIAL),
        "azure": Azure(CREDENTIAL, ("azure", "azure-embed")),
        "azure-dated": Azure(CREDENTIAL, ("azure-dated", "azure-dated-embed"), DATED),
        "anthropic": Anthropic(CREDENTIAL),
        "gemini": Gemini(CREDENTIAL, ("gemini", "gemini-embed")),
    }


@contextmanager
def a_stage(folder: Path) -> Iterator[Running]:
    with serving(make_vendors()) as url:

        def make_snapshot(keys: Mapping[str, NewKey]) -> Snapshot:
            return _snapshot(url, keys)

        def make_transport() -> DispatchTransport:
            clock = SystemClock()
            outgoing = HttpTransport(EgressGuard(["127.0.0.1"]), clock)
            return DispatchTransport(outgoing, SimulatedTransport(clock, seed=1))

        with running_gateway(folder, make_snapshot, make_transport) as running:
            yield running


def _snapshot(url: str, keys: Mapping[str, NewKey]) -> Snapshot:
    owners: dict[str, Upstream] = {}
    for upstream in UPSTREAMS:
        owners |= {upstream.name: upstream, f"{upstream.name}-embed": upstream}
    snapshot = a_snapshot(
        deployments=[a_deployment(slug, kind=owner.kind) for slug, owner in owners.items()],
        models={slug: {"modality": "embeddings"} for slug in owners if slug.endswith("-embed")},
        base_urls={slug: url + PATHS[owner.name] for slug, owner in owners.items()},
        keys=keys,
    )
    targets = {
        slug: replace(
            target,
            credential=encrypt_credential(target.provider, CREDENTIAL),
            options=owners[slug].options,
        )
        for slug, target in snapshot.targets.items()
    }
    return replace(snapshot, targets=targets)

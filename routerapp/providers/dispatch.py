"""One Transport for every target: simulated ones stay inside, all others leave through the guarded client."""

from __future__ import annotations

from routerapp.providers.base import Transport, Upstream, UpstreamRequest


class DispatchTransport:
    def __init__(self, outgoing: Transport, simulated: Transport) -> None:
        self._outgoing = outgoing
        self._simulated = simulated

    async def open(self, request: UpstreamRequest, connect_ms: int) -> Upstream:
        transport = self._simulated if request.target.kind == "simulated" else self._outgoing
        return await transport.open(request, connect_ms)

    async def close(self) -> None:
        await self._outgoing.close()
        await self._simulated.close()

"""``/earthline/rules``: the rules of a controlled network as the script they were written in.

The stock routes compile nothing and keep no script (04, 4.2); this one does both in one step.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from earthline.api.http.answers import NetworkId, StockJson, empty, failure
from earthline.api.shapes.controller import Rules, RuleScript
from earthline.api.shapes.describe import gives, takes
from earthline.api.stock.controller import CarryOut, Run
from earthline.controller.authority import Authority
from earthline.controller.objects.coercion import JsonObject, parse_object
from earthline.controller.objects.network_object import apply_post
from earthline.controller.rules_script import ScriptFault, compile_script
from earthline.runtime.base.clock import now_ms
from earthline.wire.address import parse_network

_KEYS = ("rules", "capabilities", "tags")


def rules_object(network: JsonObject) -> Rules:
    """Script and tables; ``sourceInForce``: the tables are what the script says."""
    source = str(network.get("rulesSource") or "")
    tables = {key: network.get(key, []) for key in _KEYS}
    return {
        "source": source,
        "sourceInForce": _says(source, tables),
        "rules": tables["rules"],
        "capabilities": tables["capabilities"],
        "tags": tables["tags"],
    }


def _says(source: str, tables: JsonObject) -> bool:
    try:
        posted = compile_script(source).config
    except ScriptFault:
        return False
    stored: JsonObject = {}
    apply_post(stored, posted)
    return all(stored[key] == tables[key] for key in _KEYS)


def rules_router(authority: Authority, run: Run, carry_out: CarryOut) -> APIRouter:
    """Routes below ``/earthline/rules``."""
    router = APIRouter(prefix="/earthline/rules", tags=["controller"])

    @router.get("/{network}", **gives(Rules))
    async def show(network: NetworkId) -> Response:
        """The script that a network's rules were made from, and whether they still are."""
        found = await run(authority.get_network, parse_network(network))
        return empty(404) if found is None else StockJson(rules_object(found))

    @router.post("/{network}", openapi_extra=takes(RuleScript), **gives(Rules))
    async def replace(network: NetworkId, request: Request) -> Response:
        """Compile `source` of the body, and have it as the rules of the network."""
        network_id = parse_network(network)
        source = parse_object(await request.body()).get("source")
        if await run(authority.get_network, network_id) is None:
            return empty(404)
        if not isinstance(source, str):
            return failure(400, "source: the text of a rule script is needed")
        try:
            program = compile_script(source)
        except ScriptFault as fault:
            return failure(400, str(fault))
        posted, commands = await run(
            authority.post_network, network_id, program.config, now_ms(), source=source
        )
        carry_out(*commands)
        return StockJson(rules_object(posted))

    return router

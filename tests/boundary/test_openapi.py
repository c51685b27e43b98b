"""Whatever our OpenAPI schema allows is answered, and never with a fault of the server."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import schemathesis
from caller import Caller
from hypothesis import HealthCheck, given, settings
from jsonschema_rs import validator_for

from earthline.lab import Lab
from earthline.lab.service import Service

EXAMPLES = 5
"""Of each operation; ``--hypothesis-seed`` or a longer run finds more."""


@pytest.mark.timeout(240)
def test_no_request_of_the_schema_makes_the_server_fail(caller: Caller, subtests) -> None:
    schema = schemathesis.openapi.from_dict(
        caller.authorised("GET", "/earthline/openapi.json").json
    )
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) > 30
    for operation in operations:
        with subtests.test(operation.label):
            attack(caller, operation)


def attack(caller: Caller, operation: schemathesis.APIOperation) -> None:
    url = f"http://127.0.0.1:{caller.service.port}"
    headers = {"X-ZT1-Auth": caller.token}

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=[*HealthCheck]
    )
    @given(case=operation.as_strategy())
    def send(case: schemathesis.Case) -> None:
        if operation.path == "/earthline/events":
            case.query = {**(case.query or {}), "follow": "false"}  # else it does not end
        with caller.service.host.inside():
            answer = case.call(base_url=url, headers=headers, timeout=60)
        assert answer.status_code < 500, answer.text
        declared = operation.definition.raw["responses"]
        assert str(answer.status_code) in declared, answer.text
        if answer.status_code == 200 and operation.path != "/earthline/events":
            operation.validate_response(answer)
        if answer.status_code == 400 and answer.text.startswith('{"error"'):
            assert types_of(answer.json()) == {"error": int, "description": str}

    send()


def types_of(value: dict[str, object]) -> dict[str, type]:
    return {key: type(item) for key, item in value.items()}


def test_schema_tells_of_all_answers_and_of_none_that_is_not_given(caller: Caller) -> None:
    schema = caller.authorised("GET", "/earthline/openapi.json").json
    text = str(schema)
    assert "ValidationError" not in text
    for path, operations in schema["paths"].items():
        for verb, operation in operations.items():
            assert {"400", "401", "404", "413", "500"} <= set(operation["responses"]), path
            assert ("507" in operation["responses"]) == (verb != "get"), path
            assert bool(operation.get("security")) == (path != "/health"), path
    refused = caller("GET", "/status")
    assert (refused.status, refused.json) == (401, {})
    failure = caller.authorised("POST", "/config/settings", "no JSON").json
    wanted = schema["components"]["schemas"]["Failure"]
    assert set(failure) == set(wanted["required"]) == set(wanted["properties"])


@pytest.fixture(scope="module")
def peopled() -> Iterator[tuple[Caller, str, str]]:
    """A root and controller with a network, a peer that is its member, and their IDs."""
    with Lab() as lab:
        root, member = Service(lab.host("root")), Service(lab.host("member"))
        root.start()
        planet = root.found_planet()
        network = root.create_network("10.44.0.0/24", private=True)
        member.start(planet.data)
        for node in (root, member):
            node.join(network)
            root.authorize(network, node.address)
            node.wait_ip(network)
        yield Caller(root), network, member.address


def test_answers_about_what_is_there_have_the_shapes_of_the_schema(peopled) -> None:
    caller, network, member = peopled
    told = json.dumps({"name": "printers", "rules": [{"type": "ACTION_ACCEPT"}]})
    assert caller.authorised("POST", f"/controller/network/{network}", told).status == 200
    assert caller.authorised("POST", f"/earthline/ping/{member}").json["latency"] > 0
    schema = caller.authorised("GET", "/earthline/openapi.json").json
    names = {"network": network, "nwid": network, "member": member, "address": member}
    looked_at = {
        path: _faults(caller, schema, path, names)
        for path, operations in schema["paths"].items()
        if "application/json" in _answer_of(operations.get("get", {}))
    }
    assert {path: faults for path, faults in looked_at.items() if faults} == {}
    assert len(looked_at) > 20


def _answer_of(operation: dict) -> dict:
    return operation.get("responses", {}).get("200", {}).get("content", {})


def _faults(caller: Caller, schema: dict, path: str, names: dict[str, str]) -> list[str]:
    """What is not as the schema says in the answer about what has these IDs."""
    if "{world}" in path:
        return []  # there is none
    reply = caller.authorised("GET", path.format(**names))
    wanted = _answer_of(schema["paths"][path]["get"])["application/json"]["schema"]
    whole = {**wanted, "components": schema["components"]}
    faults = validator_for(whole).iter_errors(reply.json)
    where = [f"{fault.instance_path}: {fault.message[:200]}" for fault in faults]
    found = reply.status == 200 and not (path.endswith("}") and reply.json == {})
    return where if found else [f"{reply.status}: {reply.text}"]

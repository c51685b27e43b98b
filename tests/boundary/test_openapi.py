"""Whatever our OpenAPI schema allows is answered, and never with a fault of the server."""

from __future__ import annotations

import pytest
import schemathesis
from caller import Caller
from hypothesis import HealthCheck, given, settings

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

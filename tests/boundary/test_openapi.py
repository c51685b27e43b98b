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
        with caller.service.host.inside():
            answer = case.call(base_url=url, headers=headers, timeout=60)
        assert answer.status_code < 500, answer.text

    send()

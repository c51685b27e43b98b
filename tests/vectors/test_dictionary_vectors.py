"""dictionary.json: writing, reading and hostile text (01, 5.2)."""

from __future__ import annotations

import pytest

from earthline.wire.dictionary import Dictionary


def check_build(case):
    dictionary = Dictionary(
        (entry["key"], bytes.fromhex(entry["value"])) for entry in case["entries"]
    )
    assert dictionary.emit().hex() == case["bytes"]
    again = Dictionary.parse(bytes.fromhex(case["bytes"]))
    assert again == dictionary
    for lookup in case["lookups"]:
        assert again.get(lookup["key"]).hex() == lookup["value"]


def check_unsigned(case):
    dictionary = Dictionary()
    dictionary.set_int("n", int(case["value"], 16))
    assert dictionary.emit().hex() == case["bytes"]
    assert dictionary.emit().decode() == case["text"]
    assert Dictionary.parse(dictionary.emit()).get_int("n") == int(case["read_back"], 16)


def check_signed(case):
    dictionary = Dictionary()
    dictionary.set_signed("n", int(case["value"]))
    assert dictionary.emit().decode() == case["text"]
    assert Dictionary.parse(dictionary.emit()).get_signed("n") == int(case["read_back"])


def check_bool(case):
    dictionary = Dictionary()
    dictionary.set_bool("b", case["value"])
    assert dictionary.emit().decode() == case["text"]
    assert Dictionary.parse(dictionary.emit()).get_bool("b") is case["read_back"]


def check_address(case):
    dictionary = Dictionary()
    dictionary.set_int("a", int(case["value"], 16))
    assert dictionary.emit().decode() == case["text"]
    assert Dictionary.parse(dictionary.emit()).get_address("a") == int(case["value"], 16)


def check_parse(case):
    dictionary = Dictionary.parse(bytes.fromhex(case["bytes"]))
    for lookup in case["lookups"]:
        key = lookup["key"]
        assert (dictionary.get(key) is not None) is lookup["found"]
        if lookup["found"]:
            assert dictionary.get(key).hex() == lookup["value"]
        assert dictionary.get_int(key, 7) == int(lookup["as_unsigned_default_7"], 16)
        assert dictionary.get_bool(key) is lookup["as_bool_default_false"]


CHECKS = {
    "build": check_build,
    "unsigned": check_unsigned,
    "signed": check_signed,
    "bool": check_bool,
    "address_value": check_address,
    "parse": check_parse,
}


@pytest.mark.vectors("dictionary")
def test_dictionary(run_check):
    run_check(CHECKS)

"""Each citation of the protocol description names a heading of it."""

from __future__ import annotations

import pytest

import citations

DESCRIPTION = citations.Description()


def faults(text: str) -> list[str]:
    return [fault for _, fault in citations.check(text, DESCRIPTION)]


def test_every_citation_of_the_tree_names_a_heading():
    assert citations.wrong() == []


def test_all_six_documents_are_read():
    assert {document for document, _ in DESCRIPTION.titles} == {f"0{n}" for n in range(1, 7)}
    assert DESCRIPTION.titles["02", "4.10"] == "Rate gates"
    assert DESCRIPTION.titles["01", "B"] == "Reference peculiarities worth knowing"


@pytest.mark.parametrize(
    "text",
    [
        "(02, 4.10)",
        "(01, 3.4-3.8)",
        "(02, 3.4 and 3.5; 01, 6.6)",
        "(03, 9.3 and 05, 8.5)",
        "the rules of 01, 7.3.",
        "(01, 3.6, step 2)",
        "(01, appendix B, item 4)",
        "(03, 8.5a and 8.6)",
        "(06, 6.2, rows 6 and 7)",
        "(02)",
        "02:00:5e:00:00:01, 7 bytes",
        "0.05, 8 times",
    ],
)
def test_what_there_is_may_be_cited(text):
    assert faults(text) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("(02, 4.12)", "02 has no section 4.12"),
        ("(01, 6.14-6.23)", "01 has no section 6.23"),
        ("(01, 3.8-3.4)", "01: nothing is from 3.8-3.4"),
        ("(02, 3.4 and 3.50)", "02 has no section 3.50"),
        ("(01, 4; 02, 44)", "02 has no section 44"),
        ("(01, 3.6, step 9)", "01, 3.6 has no numbered 9"),
        ("(03, 8.5x)", "03, 8.5 has no x"),
        ("(01, appendix C)", "01 has no section C"),
        ("(04, 05, 7)", "(04, and no section"),
        ("see it (4.10)", "(4.10) names no document"),
    ],
)
def test_what_there_is_not_is_found(text, fault):
    assert faults(text) == [fault]


@pytest.mark.parametrize("comment", ["    # ", "/// ", "//! ", "    "])
def test_a_citation_may_be_broken_between_two_lines(comment):
    text = (
        f"{comment}First.\n{comment}A long line that ends before the section (02,\n{comment}99.9)."
    )
    assert citations.check(text, DESCRIPTION) == [(2, "02 has no section 99.9")]


def test_a_document_is_held_to_its_own_headings():
    text = "See §3.5 and §99.\nThe rest is in [`04-controller.md`](04-controller.md) 77."
    assert citations.check_document("01-vl1-wire.md", text, DESCRIPTION) == [
        (1, "01 has no section 99"),
        (2, "04 has no section 77"),
    ]

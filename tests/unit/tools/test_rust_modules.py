"""The modules of the Rust core form no circle, and the check would see one."""

from __future__ import annotations

import pytest

import rust_modules


def graph(folder, files):
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_text(text)
    return rust_modules.Modules(folder).graph()


def test_core_has_no_circle():
    graph = rust_modules.Modules(rust_modules.SOURCE).graph()
    assert rust_modules.circle(graph) == []
    assert ("switch", "out", "output") in graph["switch", "out", "vl1"]
    assert ("ethernet",) in graph["switch", "ground", "frames"]


def test_rooms_of_the_switch_stand_in_an_order():
    graph = rust_modules.rooms(rust_modules.Modules(rust_modules.SOURCE).graph())
    assert rust_modules.circle(graph) == []
    assert ("switch", "parts") in graph["switch", "sending"]
    assert ("switch", "ground") in graph["switch", "reach"]


def test_circle_of_rooms_is_found_where_modules_form_none(tmp_path):
    files = {
        "lib.rs": "mod x;",
        "x/mod.rs": "mod up;\nmod down;",
        "x/up/mod.rs": "mod a;\nmod b;",
        "x/down/mod.rs": "mod c;",
        "x/up/a.rs": "use crate::x::down::c::C;",
        "x/up/b.rs": "",
        "x/down/c.rs": "use crate::x::up::b::B;",
    }
    found = graph(tmp_path, files)
    assert rust_modules.circle(found) == []
    assert set(rust_modules.circle(rust_modules.rooms(found))) == {("x", "up"), ("x", "down")}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("use super::b::B;", "use super::a::A;"),
        ("use crate::x::{c::C, b::{B, D as E}};", "use crate::x::a;"),
        ("use super::b::B;", "fn f() -> u8 { super::a::A }"),
        ("use super::b::B;", "/// As [`super::c`].\nuse super::{a, c};"),
    ],
)
def test_circle_of_siblings_is_found(tmp_path, one, other):
    files = {"lib.rs": "mod x;", "x/mod.rs": "mod a;\nmod b;\nmod c;", "x/c.rs": ""}
    found = rust_modules.circle(graph(tmp_path, files | {"x/a.rs": one, "x/b.rs": other}))
    assert set(found) == {("x", "a"), ("x", "b")}


def test_child_that_needs_what_its_parent_makes_of_it_is_found(tmp_path):
    files = {"lib.rs": "mod x;", "x/mod.rs": "mod a;\npub use a::A;\npub struct X;"}
    assert rust_modules.circle(graph(tmp_path, files | {"x/a.rs": "use super::X;"}))
    assert not rust_modules.circle(graph(tmp_path, files | {"x/a.rs": "use std::fmt;"}))


def test_tests_and_comments_need_nothing(tmp_path):
    tests = "#[cfg(test)]\nmod tests {\n    use super::*;\n    use crate::b::B;\n}"
    files = {"lib.rs": "", "a.rs": "//! See [`crate::b`].\n" + tests, "b.rs": "use crate::a::A;"}
    assert graph(tmp_path, files)[("a",)] == set()

"""What pages for contributors name is there: files, what is in them, and modules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "src" / "earthline"
RECIPES = ROOT / "docs" / "extending.md"
PAGES = ("docs/extending.md", "docs/architecture.md", "CONTRIBUTING.md")
ROOMS = ("", "src/earthline/", "rust/core/src/", "rust/core/src/switch/")
"""Where a path may begin."""

_QUOTED = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"[\w.*-]+(/[\w.*-]+)+\.(py|pyi|rs|md|toml)|[\w-]+(/[\w-]+)+/?")
_MODULE = re.compile(r"[a-z]\w*(\.[a-z]\w*)+")


def meant(path: str) -> list[Path]:
    """The files that a path stands for: one, those in a folder, or those of a pattern."""
    found = [each for room in ROOMS for each in ROOT.glob(room + path.rstrip("/"))]
    found += [each for room in ROOMS for each in ROOT.glob(f"{room}{path}.py")]
    inside = (each for folder in found if folder.is_dir() for each in folder.iterdir())
    return [each for each in (*found, *inside) if each.is_file()]


def rows() -> Iterator[tuple[str, str]]:
    """(path, name in it) of what the recipes touch; the name is empty where none is given."""
    for line in RECIPES.read_text().splitlines():
        path, cell = "", line.rstrip(" |").rpartition(" | ")[2] if line.startswith("|") else ""
        for word in _QUOTED.findall(cell):
            if _PATH.fullmatch(word):
                path = word
                yield path, ""
            else:
                yield path, word


ROWS = sorted({(path, name) for path, name in rows() if "NAME" not in path})


def test_the_recipes_have_their_files():
    assert len({path for path, _ in ROWS}) > 40
    assert len([name for _, name in ROWS if name]) > 40


@pytest.mark.parametrize(("path", "name"), ROWS)
def test_what_a_recipe_names_is_there(path, name):
    files = meant(path)
    assert files, f"no file {path}"
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    assert any(word.search(file.read_text()) for file in files), f"no {name} in {path}"


@pytest.mark.parametrize("page", PAGES)
def test_files_and_modules_of_a_page_are_there(page):
    quoted = {word for word in _QUOTED.findall((ROOT / page).read_text()) if "NAME" not in word}
    paths = sorted(word for word in quoted if _PATH.fullmatch(word))
    packages = {path.stem for path in PACKAGE.iterdir()}
    modules = [w for w in quoted if _MODULE.fullmatch(w) and w.partition(".")[0] in packages]
    assert [path for path in paths if not meant(path)] == []
    assert [name for name in modules if not meant(name.replace(".", "/")) + meant(name)] == []
    assert len(paths) + len(modules) > 8


def test_what_is_not_there_is_found_missing():
    assert not meant("vl1/identities/triplets.py")
    assert meant("vl1/identities/twins.py") == [PACKAGE / "vl1" / "identities" / "twins.py"]
    assert meant("runtime/tcp/tunnel") == [PACKAGE / "runtime" / "tcp" / "tunnel.py"]

"""``/app/...``: static web applications, below the home folder's ``app`` (05, 7.11)."""

from __future__ import annotations

import contextlib
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse, RedirectResponse, Response

from earthline.api.http.answers import empty


def find(folder: Path, path: str) -> Path | Response:
    """The file that a path below ``/app/`` stands for, or the answer where there is none.

    Paths without an extension are pages, folders or, in an application of a single page, whatever
    it makes of them: then its ``index.html`` is the answer.
    """
    parts = path.split("/")
    application, name = parts[0], parts[-1]
    wanted = folder.joinpath(*parts)
    if not application or "\0" in path or not wanted.resolve().is_relative_to(folder.resolve()):
        return empty(404)
    if not name:
        return _first(500, wanted / "index.html", folder / application / "index.html")
    if "." in name:
        return _first(404, wanted)
    page = wanted.with_name(f"{name}.html")
    return page if page.is_file() else RedirectResponse(f"/app/{path}/", 301)


def _first(otherwise: int, *files: Path) -> Path | Response:
    return next((file for file in files if file.is_file()), empty(otherwise))


def web_router(folder: Path) -> APIRouter:
    """The one route; makes the folder if there is none, and it can be."""
    with contextlib.suppress(OSError):
        folder.mkdir(exist_ok=True)
    router = APIRouter()

    @router.get("/app/{path:path}", include_in_schema=False)
    async def show(path: str) -> Response:
        found = find(folder, path)
        return FileResponse(found) if isinstance(found, Path) else found

    return router

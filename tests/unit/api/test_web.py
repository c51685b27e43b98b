from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from earthline.api.stock.web import web_router

FILES = {
    "app/site/index.html": "start",
    "app/site/page.html": "page",
    "app/site/style.css": "style",
    "app/site/sub/index.html": "sub",
    "app/bare/page.html": "bare",
    "authtoken.secret": "secret",
}


@pytest.fixture
def client(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    app = FastAPI(redirect_slashes=False)
    app.include_router(web_router(tmp_path / "app"))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/app/site/style.css", 200, "style"),
        ("/app/site/page", 200, "page"),
        ("/app/site/", 200, "start"),
        ("/app/site/sub/", 200, "sub"),
        ("/app/site/of/one/page/", 200, "start"),
        ("/app/site/missing.css", 404, ""),
        ("/app/bare/", 500, ""),
        ("/app/%2e%2e/authtoken.secret", 404, ""),
        ("/app/site/%2e%2e/%2e%2e/authtoken.secret", 404, ""),
        ("/app//etc/passwd.txt", 404, ""),
        ("/app/site/%00.css", 404, ""),
        ("/app/", 404, ""),
    ],
)
async def test_path_stands_for_file(client, path, status, text):
    answer = await client.get(path)
    assert (answer.status_code, answer.text) == (status, text)


async def test_path_without_an_extension_is_sent_on_to_its_folder(client):
    answer = await client.get("/app/site/sub")
    assert answer.status_code == 301
    assert answer.headers["location"] == "/app/site/sub/"


async def test_types_are_those_of_the_files(client):
    assert (await client.get("/app/site/style.css")).headers["content-type"].startswith("text/css")
    assert (await client.get("/app/site/")).headers["content-type"].startswith("text/html")


def test_folder_is_made(tmp_path):
    web_router(tmp_path / "app")
    assert (tmp_path / "app").is_dir()

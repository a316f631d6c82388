"""A browser's half of the talk with the data routes, without a browser or a server."""

import asyncio
import json
from urllib.parse import unquote, urlsplit

from starlette.applications import Starlette

from explorer.pages import library as library_room
from explorer.pages import routes

APP = Starlette(routes=routes.data_routes())
HOST = "127.0.0.1:8501"
PAGE = {"content-type": "application/json", "origin": f"http://{HOST}"}


def send(
    address: str, method: str = "GET", body: bytes = b"", headers: dict[str, str] | None = None, part: int = 65536
):
    """Status, headers and body of an answer; the message comes in parts, as a web server hands it over."""
    address = urlsplit(address)
    scope = {
        "type": "http",
        "method": method,
        "path": unquote(address.path),
        "raw_path": address.path.encode(),
        "query_string": address.query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in {"host": HOST, **(headers or {})}.items()],
    }
    parts = [body[start : start + part] for start in range(0, len(body), part)] or [b""]
    waiting = [{"type": "http.request", "body": one, "more_body": True} for one in parts[:-1]]
    waiting.append({"type": "http.request", "body": parts[-1], "more_body": False})
    said = []

    async def receive():
        if not waiting:
            await asyncio.Event().wait()  # the other side neither says more nor leaves
        return waiting.pop(0)

    async def answer(message):
        said.append(message)

    asyncio.run(APP(scope, receive, answer))
    told = {name.decode(): value.decode() for name, value in said[0]["headers"]}
    return said[0]["status"], told, b"".join(message.get("body", b"") for message in said)


def shelved(folder, monkeypatch):
    shelf = library_room.Library(folder.parent)
    monkeypatch.setattr(routes, "library", lambda: shelf)
    return shelf.open(folder.name)


def told(address):
    status, headers, body = send(address)
    assert status == 200, body
    return json.loads(body)


def post(address, **message):
    status, headers, body = send(address, "POST", json.dumps(message).encode(), PAGE)
    assert (status, headers["cache-control"]) == (200, "no-store"), body
    return json.loads(body)

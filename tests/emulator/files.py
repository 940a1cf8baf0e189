"""Files that messages refer to, under a plain address as the vendors' storage has it."""

from dataclasses import dataclass
import hashlib
import secrets
from urllib.parse import quote, unquote

from aiohttp import web

from .model import JsonObject


@dataclass(frozen=True)
class StoredFile:
    """One file."""

    content: bytes = b""
    mime_type: str = "application/octet-stream"


class FileStore:
    """Keeps files and serves them to anybody who knows the address."""

    def __init__(self) -> None:
        """Begin empty."""
        self._files: dict[str, StoredFile] = {}

    def add(self, content: bytes, mime_type: str, name: str) -> str:
        """Keep a file and return its path."""
        key = f"{secrets.token_hex(8)}/{name}"
        self._files[key] = StoredFile(content, mime_type)
        return f"/files/{quote(key)}"

    def find(self, path: str) -> StoredFile | None:
        """Return the file at a path that `add` returned, None if there is none."""
        return self._files.get(unquote(path).removeprefix("/files/"))

    def attach(self, content: bytes, mime_type: str, name: str) -> JsonObject:
        """Keep the file of a message and return the message's details.

        Length and hash tell a test that every byte arrived.
        """
        return {
            "path": self.add(content, mime_type, name),
            "file_name": name,
            "mime_type": mime_type,
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Serve the files."""
        router.add_get("/files/{key:.+}", self._serve)

    async def _serve(self, request: web.Request) -> web.Response:
        file = self._files.get(request.match_info["key"])
        if file is None:
            raise web.HTTPNotFound
        return web.Response(body=file.content, headers={"Content-Type": file.mime_type})

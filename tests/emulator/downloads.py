"""Fetching the files that requests name by their address, as a vendor's server does."""

from dataclasses import dataclass
import ipaddress
import mimetypes
from pathlib import PurePosixPath

import aiohttp
from yarl import URL

_UNREACHABLE = (aiohttp.ClientError, TimeoutError, ValueError)
_LARGEST = 128 * 1024 * 1024


class CannotDownload(Exception):
    """There is no file at this address, or nobody to ask for it."""


@dataclass(frozen=True)
class Download:
    """A file as it came, with what its server and its address say about it."""

    content: bytes
    mime_type: str
    name: str


async def download(address: str, real_seconds: float) -> Download:
    """Fetch a file.

    Only from this machine: whatever a test or a demo sends, the emulator goes nowhere else.

    Raises:
        CannotDownload: With a sentence that says why.

    """
    try:
        url = URL(address)
        if not is_loopback(url):
            msg = f"{url.host or 'nobody'} cannot be reached"
            raise CannotDownload(msg)
        return await _get(url, real_seconds)
    except _UNREACHABLE as error:
        msg = f"{address} cannot be read"
        raise CannotDownload(msg) from error


def is_loopback(url: URL) -> bool:
    """Say whether an address is on this machine.

    Raises:
        ValueError: The host is a name, which would have to be looked up.

    """
    if url.scheme not in ("http", "https") or not url.host:
        return False
    return url.host == "localhost" or ipaddress.ip_address(url.host).is_loopback


async def _get(url: URL, real_seconds: float) -> Download:
    # As for deliveries: the threaded resolver starts no thread for an IP address.
    connector = aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver())
    timeout = aiohttp.ClientTimeout(total=real_seconds)
    async with (
        aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), timeout=timeout) as session,
        # A redirect could lead off this machine.
        session.get(url, allow_redirects=False) as response,
    ):
        if response.status != 200:
            msg = f"Request failed with status code {response.status}"
            raise CannotDownload(msg)
        content = await _read(response)
        mime_type = response.headers.get("Content-Type", "application/octet-stream")
    return Download(content, mime_type, PurePosixPath(url.path).name or name_for(mime_type))


async def _read(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > _LARGEST:
            msg = "The file is too large"
            raise CannotDownload(msg)
    return bytes(content)


def name_for(mime_type: str) -> str:
    """Return a file name for what has none."""
    plain_type = mime_type.partition(";")[0].strip()
    return f"file{mimetypes.guess_extension(plain_type) or ''}"

"""Files that a gateway names by an address, at its own host or at that of a storage provider."""

import re

from yarl import URL

from .errors import Refused
from .http import Http, error_for_status

GONE = (404, 410)
_SERVER_PATH = re.compile(r"/(api/(?:files|s3)/.+)")
# Storage providers refuse an address that has run out. They get no credentials, so it is not those that they refuse.
_GONE_ELSEWHERE = (401, 403, *GONE)


async def download(gateway: Http, url: str, limit: int) -> bytes | None:
    """Fetch a file from a host that is not the gateway's own, without any credentials; None if it is gone.

    Only a gateway at home may name another place at home. Raises Refused if the file has more bytes than `limit` or
    the address is none, and what else Http.request raises.
    """
    address = parse_file_url(url)
    elsewhere = Http(gateway.session, address.origin(), ())
    if elsewhere.is_local and not gateway.is_local:
        raise Refused("the file has no address")
    path = address.raw_path.lstrip("/")
    answer = await elsewhere.request("Download", "GET", path, params=address.query, limit=limit)
    if answer.status in _GONE_ELSEWHERE:
        return None
    if answer.status != 200:
        raise error_for_status(answer.status)
    return answer.body


def server_path(url: str) -> str | None:
    """Return the path of a file that a WAHA server has itself, whatever host it takes itself to be; else None.

    Pages receive-messages and storages of its documentation. Raises Refused for what is no address.
    """
    found = _SERVER_PATH.search(parse_file_url(url).raw_path)
    return found[1] if found else None


def own_path(gateway: Http, url: str) -> str | None:
    """Return the path of a file below the gateway's own address; None if it is elsewhere. Raises Refused."""
    address = parse_file_url(url)
    base = f"{gateway.base_url.raw_path.rstrip('/')}/"
    is_own = address.origin() == gateway.base_url.origin() and address.raw_path.startswith(base)
    return address.raw_path.removeprefix(base).lstrip("/") if is_own else None


def parse_file_url(text: str) -> URL:
    """Return the address of a file, whose path leads nowhere up. Raises Refused if it is none."""
    try:
        url = URL(text)
        if url.scheme in ("http", "https") and url.host:
            return url
    except ValueError:
        pass
    raise Refused("the file has no address")

"""Delivering webhooks."""

from collections.abc import Mapping

import aiohttp
from yarl import URL

from .downloads import is_loopback

_UNREACHABLE = (aiohttp.ClientError, TimeoutError, ValueError)


class Courier:
    """Carries notifications to the address that a user registered."""

    def __init__(self) -> None:
        """Prepare; the connection is made with the first delivery."""
        self._session: aiohttp.ClientSession | None = None

    async def deliver(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        real_seconds: float,
    ) -> int | None:
        """POST a notification and return the status, None if nobody answered.

        Only to this machine: whatever address was registered, the emulator goes nowhere else.
        """
        if self._session is None:
            # The threaded resolver starts no thread for an IP address; the
            # asynchronous one would keep a thread of its own beyond the close.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver()),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        try:
            if not is_loopback(URL(url)):
                return None
            async with self._session.post(
                url,
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=real_seconds),
            ) as response:
                return response.status
        except _UNREACHABLE:
            return None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

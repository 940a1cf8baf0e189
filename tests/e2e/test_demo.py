"""The demo does what it says, also when something is wrong, and leaves nothing running."""

import asyncio
from asyncio.subprocess import PIPE
from collections import Counter
import re
import signal

import aiohttp
import pytest

from .processes import ROOT
from custom_components.whatsapp_link.gateways import GATEWAYS


async def _demo(*options: str) -> tuple[int, str, str]:
    """Run scripts/demo to its end and return exit code, output and errors."""
    process = await asyncio.create_subprocess_exec(ROOT / "scripts" / "demo", *options, stdout=PIPE, stderr=PIPE)
    output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


# A gateway that is asked now and then is asked each minute and a half.
@pytest.mark.timeout(400)
async def test_once() -> None:
    """Every step is printed for every gateway, and at last the look through the log."""
    code, output, errors = await _demo("--once", "--gateway", "all")
    assert (code, errors) == (0, "")
    assert output.count("message arrived on the phone") == len(GATEWAYS)
    ways = Counter(re.findall(r"received: a text by (\w+)", output))
    # Wawp has webhooks only for those who pay.
    assert ways == {"stream": 2, "webhook": 2, "polling": 3}
    for step in (
        "credentials accepted",
        "code decoded from the picture",
        "scanned, and linked",
        "recipient added",
        "message arrived on the phone",
        "received: a text by",
        "no token, number, message or code in it",
    ):
        assert step in output
    assert "no token" in output.splitlines()[-1]


async def test_wrong_token() -> None:
    """A wrong token ends it with the words that the form shows."""
    code, _, errors = await _demo("--once", "--token", "0123456789abcdef" * 3)
    assert code == 1
    assert errors.strip() == (
        "failed: green_api did not accept the credentials: GREEN-API refused the API token or key. "
        "Check it and enter it again."
    )


async def test_by_hand() -> None:
    """It tells two addresses, both answer, and Ctrl-C ends all of it."""
    process = await asyncio.create_subprocess_exec(ROOT / "scripts" / "demo", stdout=PIPE)
    assert process.stdout is not None
    addresses: list[str] = []
    async with asyncio.timeout(60):
        while len(addresses) < 2:
            line = (await process.stdout.readline()).decode()
            addresses += re.findall(r"http://\S+", line)
    async with aiohttp.ClientSession() as session:
        for address in addresses:
            async with session.get(address) as response:
                assert response.status == 200
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(30):
        assert await process.wait() == 0
    async with aiohttp.ClientSession() as session:
        for address in addresses:
            try:
                async with session.get(address) as response:
                    raise AssertionError(f"{address} still answers: {response.status}")
            except aiohttp.ClientConnectorError:
                pass

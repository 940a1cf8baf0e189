"""The vendors' servers, as seen from the process that is measured."""

import asyncio
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
import json
import sys
from typing import Any

# Home Assistant opens no more than a hundred connections to one host; listening takes one for each instance.
_INSTANCES_ON_A_HOST = 25
_LINE = 64 * 1024 * 1024


@dataclass(frozen=True)
class Account:
    """An instance that there is at a vendor: `name` is what the phone calls it."""

    gateway: str
    name: str
    number: str
    credentials: dict[str, str]


class Vendor:
    """The emulator in another process."""

    def __init__(self, process: Process, accounts: Sequence[Account]) -> None:
        """Take the process and what it has told first."""
        self.accounts = accounts
        self._process = process
        self._turn = asyncio.Lock()

    async def tell(self, do: str, **told: Any) -> Any:
        """Have it do something, and return what comes of that."""
        assert self._process.stdin
        async with self._turn:
            self._process.stdin.write(json.dumps({"do": do, **told}).encode() + b"\n")
            await self._process.stdin.drain()
            return await _line(self._process)


@asynccontextmanager
async def vendor(*gateways: str, count: int = 1, time_scale: float = 1, linked: bool = True) -> AsyncGenerator[Vendor]:
    """Run the emulator, with so many instances at each of these gateways."""
    options = ("--linked",) if linked else ()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.server", "--gateways", ",".join(gateways),
        "--count", str(count), "--time-scale", str(time_scale), *options,
        stdin=PIPE, stdout=PIPE, limit=_LINE,
    )  # fmt: skip
    try:
        listed = await _line(process)
        yield Vendor(process, [_account(each, place) for place, each in enumerate(listed)])
    finally:
        assert process.stdin
        process.stdin.close()
        await process.wait()


def _account(listed: dict[str, Any], place: int) -> Account:
    credentials: dict[str, str] = listed["credentials"]
    host = f"127.0.0.{1 + place // _INSTANCES_ON_A_HOST}"
    moved = {**credentials, "base_url": credentials["base_url"].replace("127.0.0.1", host)}
    return Account(listed["gateway"], listed["name"], listed["number"], moved)


async def _line(process: Process) -> Any:
    assert process.stdout
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError("the emulator ended; what it said stands above")
    return json.loads(line)

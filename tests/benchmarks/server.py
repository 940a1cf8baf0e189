"""The emulator in a process of its own, so that what it computes is not counted as ours.

It prints where its instances are, then does what each line of its input says and answers with a line. Times are those
of the monotonic clock, which is the same in all processes.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Mapping
import json
import sys
import time
from typing import Any

from tests.emulator import Emulator
from tests.emulator.instance import Instance

type Json = dict[str, Any]

_LOOK_EVERY = 0.002
_PROBE_SECONDS = 0.5
_PATIENCE = 120.0
# What tells of a message, and not of the session.
_MESSAGE = b'"event":"message'


class Server:
    """An emulator and what it can be told to do."""

    def __init__(self, emulator: Emulator) -> None:
        """Begin to note what webhooks deliver and when codes change."""
        self._emulator = emulator
        self._deliveries: list[float] = []
        self._changes: list[tuple[str, float]] = []
        self._deliver = emulator.world.courier.deliver
        emulator.world.courier.deliver = self._note_delivery  # type: ignore[method-assign] # to see what it carries
        self.commands: dict[str, Callable[[Json], Awaitable[object]]] = {
            "write": self.write,
            "probe": self.probe,
            "messages": self.messages,
            "requests": self.requests,
            "reset": self.reset,
            "sockets": self.sockets,
            "watch": self.watch,
            "changes": self.changes,
            "scan": self.scan,
        }

    async def _note_delivery(
        self, url: str, body: bytes, headers: Mapping[str, str], real_seconds: float
    ) -> int | None:
        started = time.perf_counter()
        status = await self._deliver(url, body, headers, real_seconds)
        if _MESSAGE in body:
            self._deliveries.append(time.perf_counter() - started)
        return status

    async def write(self, told: Json) -> list[float]:
        """Have somebody write messages with numbers as their texts; returns how long each call to the webhook took.

        They come all at once, and the vendor brings them one after the other.
        """
        self._deliveries.clear()
        self._write(told)
        async with asyncio.timeout(_PATIENCE):
            while len(self._deliveries) < told["count"]:
                await asyncio.sleep(_LOOK_EVERY)
        return list(self._deliveries)

    def _write(self, told: Json) -> None:
        for number in range(told["first"], told["first"] + told["count"]):
            body = {"instance": told["instance"], "from": told["sender"], "text": str(number)}
            self._emulator.someone_writes(body)

    async def probe(self, told: Json) -> bool:
        """Have somebody write a message; returns whether it was brought to a webhook."""
        self._deliveries.clear()
        self._write({"first": 0, "count": 1, **told})
        await asyncio.sleep(_PROBE_SECONDS)
        return bool(self._deliveries)

    async def messages(self, told: Json) -> list[str]:
        """Return the texts that arrived on phones, oldest first, and forget them."""
        texts = [message.text for message in self._emulator.phone.messages(told["instance"])]
        self._emulator.phone.clear_messages()
        return texts

    async def requests(self, _told: Json) -> dict[str, int]:
        """Return how many requests came to each gateway."""
        return {key: self._emulator.requests.count(gateway=key) for key in self._emulator.gateways}

    async def reset(self, _told: Json) -> None:
        """Forget all requests."""
        self._emulator.requests.reset()

    async def sockets(self, _told: Json) -> int:
        """Return how many websockets WAHA has."""
        return int(getattr(self._emulator.gateways["waha"], "sockets", 0))

    async def watch(self, _told: Json) -> None:
        """Begin to note when codes change."""
        for instance in self._emulator.instances:
            self._emulator.world.background.spawn(self._watch_codes(instance), "watching codes")

    async def _watch_codes(self, instance: Instance) -> None:
        shown = ""
        while True:
            code = instance.codes.current()
            if code and code.text != shown:
                shown = code.text
                self._changes.append((_name(instance), time.monotonic()))
            await asyncio.sleep(_LOOK_EVERY)

    async def changes(self, _told: Json) -> list[tuple[str, float]]:
        """Return whose code changed and when."""
        return self._changes

    async def scan(self, told: Json) -> float | None:
        """Scan the code of an instance and return when that was; None if there is no code now."""
        instance = self._emulator.phone.find(told["instance"])
        code = instance.codes.current()
        if code is None:
            return None
        self._emulator.phone.scan(code.text)
        return time.monotonic()


def _name(instance: Instance) -> str:
    return f"{instance.gateway}/{instance.id}"


def _listed(instance: Instance) -> Json:
    return {
        "gateway": instance.gateway,
        "name": _name(instance),
        "number": instance.number,
        "credentials": instance.credentials(),
    }


def _say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


async def _run(gateways: list[str], count: int, time_scale: float, *, linked: bool) -> None:
    # All addresses of the loopback network: each is another host to whoever limits the connections to one.
    async with Emulator(host="0.0.0.0", time_scale=time_scale) as emulator:
        instances = [instance for instance in emulator.instances if instance.gateway in gateways]
        for key in gateways:
            instances += [emulator.gateways[key].create_instance() for _ in range(count - 1)]
        for instance in instances if linked else ():
            instance.link(instance.number)
            if instance.gateway == "waha" and hasattr(instance, "start"):
                instance.start()
        server = Server(emulator)
        _say([_listed(instance) for instance in instances])
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            told = json.loads(line)
            _say(await server.commands[told["do"]](told))


def main() -> None:
    """Run until the input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--gateways", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--time-scale", type=float, required=True)
    parser.add_argument("--linked", action="store_true")
    given = parser.parse_args()
    asyncio.run(_run(given.gateways.split(","), given.count, given.time_scale, linked=given.linked))


if __name__ == "__main__":
    main()

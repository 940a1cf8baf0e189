"""The main job to look at: link an instance, send a message, receive the answer.

`--once` does it unattended; else a person does it.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
import shutil
import signal
import sys
import tempfile
import time

from .api import HomeAssistant, Json, Phone, wait_for
from .link import add_recipient, link
from .processes import ROOT, RigError, emulator, home_assistant
from custom_components.whatsapp_link.gateways import GATEWAYS
from custom_components.whatsapp_link.gateways.capability import Way

_DOMAIN = "whatsapp_link"
_RECIPIENT = "+1 202 555 0142"
_TEXT = "The washing machine is done."
_REPLY = "Thank you, I will hang it up."
# Seconds until the phone writes once more; a gateway that is only asked now and then may take long.
_PATIENCE = 20.0
_PATIENCE_WHEN_POLLED = 120.0


def _is_polled(gateway: str) -> bool:
    """Whether messages may come in only when the gateway is asked for them, as on Wawp's free plan."""
    ways = GATEWAYS[gateway].ways
    return Way.POLLING in ways and Way.STREAM not in ways


def _is_reply(state: Json) -> bool:
    told = state["attributes"]
    return (told.get("event_type"), told.get("text")) == ("text", _REPLY)


class Job:
    """Does the main job on one gateway, a printed line for each step."""

    def __init__(self, hass: HomeAssistant, phone: Phone, gateway: str, token: str | None) -> None:
        """Take the two sides; `token` replaces the right one, to see what a user sees then."""
        self.private: list[str] = []
        self._hass = hass
        self._phone = phone
        self._gateway = gateway
        self._token = token
        self._instance_id = ""
        self._entry_id = ""

    async def send(self) -> None:
        """Link the instance and have an automation send. Raises RigError where it does not work.

        After that, `private` is every text that no log may hold.
        """
        instance = (await self._phone.instances(self._gateway))[0]
        linked = await link(self._hass, self._phone, instance, token=self._token, say=_say)
        self._instance_id, self._entry_id = instance["id"], linked.entry_id
        entity_id = await add_recipient(self._hass, linked, _RECIPIENT, f"Alex {self._gateway}")
        _say(f"recipient added: {entity_id}")
        await self._send(entity_id, instance["id"])
        digits = "".join(filter(str.isdigit, _RECIPIENT))
        own_number = instance["number"].lstrip("+")
        tokens = [value for name, value in instance["credentials"].items() if name == "token"]
        self.private = [*tokens, own_number, digits, _RECIPIENT, _TEXT, _REPLY, linked.qr_text]

    async def receive(self) -> None:
        """Have the recipient write back, and see it in Home Assistant. Raises RigError where it does not get there."""
        entity_id = await self._hass.entity_id(self._entry_id, "recipient_event")
        patience = _PATIENCE_WHEN_POLLED if _is_polled(self._gateway) else _PATIENCE
        async with self._hass.told(entity_id) as next_state:
            # What is written before Home Assistant listens is not told: that is no fault.
            if not (await self._hears(next_state, patience) or await self._hears(next_state, patience)):
                raise RigError(f"{self._gateway}: what the phone wrote did not get to {entity_id}")
        way = (await self._hass.diagnostics(self._entry_id))["receiving"]["way"]
        _say(f"received: a text by {way}, {entity_id}")
        _say(f"done: {self._gateway}, entry {self._entry_id}")

    async def _hears(self, next_state: Callable[[], Awaitable[Json]], patience: float) -> bool:
        """Have the phone write, and return whether the event entity tells of it in time."""
        await self._phone.write(self._instance_id, _RECIPIENT.replace(" ", ""), _REPLY)
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while not _is_reply(await next_state()):
                    pass
                return True
        return False

    async def _send(self, entity_id: str, instance_id: str) -> None:
        event = f"laundry_{self._gateway}"
        action = {
            "action": "notify.send_message",
            "target": {"entity_id": entity_id},
            "data": {"title": "Laundry", "message": _TEXT},
        }
        await self._hass.add_automation(f"Laundry {self._gateway}", event, [action])

        async def automation_is_on() -> Json | None:
            return await self._hass.state(f"automation.laundry_{self._gateway}")

        await wait_for("the automation", automation_is_on)
        await self._hass.fire(event)
        _say("automation started: notify.send_message")

        async def look() -> Json | None:
            arrived = await self._phone.messages(instance_id)
            return next((message for message in arrived if message.get("text") == f"*Laundry*\n{_TEXT}"), None)

        await wait_for("the message on the phone", look)
        _say("message arrived on the phone")


async def once(gateways: Sequence[str], token: str | None) -> None:
    """Do the job on each gateway, then look through the log. Raises RigError where something is wrong."""
    config = _empty_folder(ROOT / "build" / "demo")
    async with AsyncExitStack() as stack:
        emulator_url = await stack.enter_async_context(emulator())
        _say(f"emulator: {emulator_url}")
        hass_url = await stack.enter_async_context(home_assistant(config, debug=True))
        hass = await stack.enter_async_context(HomeAssistant(hass_url))
        phone = await stack.enter_async_context(Phone(emulator_url))
        await hass.onboard()
        _say(f"Home Assistant: {hass_url}")
        # Those that are asked now and then get the most time until they are asked again.
        jobs = [Job(hass, phone, gateway, token) for gateway in sorted(gateways, key=_is_polled, reverse=True)]
        for job in jobs:
            await job.send()
        await _receive(jobs)
    log = (config / "log.txt").read_text(errors="replace")
    if f"custom_components.{_DOMAIN}" not in log:
        raise RigError("the log does not show the integration at work")
    if leaks := sum(text in log for job in jobs for text in job.private):
        raise RigError(f"the log holds {leaks} private texts")
    _say(f"log: {len(log.splitlines())} lines, no token, number, message or code in it")


async def _receive(jobs: Sequence[Job]) -> None:
    """Have all phones write back at once. Raises RigError where a message does not get there."""
    _say("the phone writes back; a gateway that is asked now and then takes up to two minutes")
    try:
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(job.receive())
    except* RigError as failed:
        message = str(failed.exceptions[0])
    else:
        return
    raise RigError(message)


async def stay(stop: asyncio.Event) -> None:
    """Run both sides for a person to try, until Ctrl-C."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="whatsapp-link-demo-") as folder:
        async with AsyncExitStack() as stack:
            emulator_url = await stack.enter_async_context(emulator(port=8700))
            hass_url = await stack.enter_async_context(home_assistant(Path(folder), port=8123))
            hass = await stack.enter_async_context(HomeAssistant(hass_url))
            await hass.onboard()
            print(f"\nReady after {time.monotonic() - started:.0f} s. Ctrl-C ends everything.\n")
            print(f"  Home Assistant   {hass_url}/config/integrations/dashboard/add?domain={_DOMAIN}")
            print(f"  The phone        {emulator_url}/phone\n", flush=True)
            await stop.wait()
        _say("ended")


def _empty_folder(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _say(line: str) -> None:
    print(line, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="do the job unattended and end")
    parser.add_argument("--gateway", choices=[*GATEWAYS, "all"], default="green_api", help="with --once: on which")
    parser.add_argument("--token", help="with --once: a token to use instead of the right one")
    return parser.parse_args()


async def _main(options: argparse.Namespace) -> int:
    stop = asyncio.Event()
    if options.once:
        gateways = list(GATEWAYS) if options.gateway == "all" else [options.gateway]
        task = asyncio.create_task(once(gateways, options.token))
    else:
        task = asyncio.create_task(stay(stop))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel if options.once else stop.set)
    try:
        await task
    except RigError as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    except asyncio.CancelledError:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(_options())))

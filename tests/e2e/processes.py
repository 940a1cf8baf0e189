"""Starts and ends the programs of the rig: Home Assistant and the emulator."""

import asyncio
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
import os
from pathlib import Path
import signal
import socket
import sys

import aiohttp

ROOT = Path(__file__).parents[2]

# Home Assistant itself logs, at this level, whatever is typed into it: these parts stay at "info".
_CORE_ECHOES = ("homeassistant.core", "homeassistant.components.websocket_api", "aiosqlite", "sqlalchemy")

_CONFIGURATION = """\
homeassistant:
  name: Demo
  # In a container it would be a folder of the machine.
  media_dirs:
    local: {media}
  auth_providers:
    - type: homeassistant
    # Whoever opens the demo on this machine is signed in.
    - type: trusted_networks
      trusted_networks: [127.0.0.1]
      allow_bypass_login: true
frontend:
config:
onboarding:
automation: !include automations.yaml
script:
"""

_DEBUG_LOG = "logger:\n  default: debug\n  logs:\n" + "".join(f"    {name}: info\n" for name in _CORE_ECHOES)


class RigError(Exception):
    """Something in the rig did not start or did not answer in time; the text says what."""


def free_port(wanted: int = 0) -> int:
    """Return the wanted port if nobody has it, else one that is free."""
    for port in (wanted, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise RigError("no port is free")


@asynccontextmanager
async def emulator(*, port: int = 0, time_scale: float = 1.0) -> AsyncGenerator[str]:
    """Run the emulator and give its address."""
    command = [sys.executable, "-m", "tests.emulator", "--port", str(port), "--time-scale", str(time_scale)]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE, start_new_session=True)
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip()
        if not line.startswith("emulator ready on "):
            raise RigError(f"the emulator did not start: {line or 'no output'}")
        yield line.removeprefix("emulator ready on ")
    finally:
        await _end(process)


@asynccontextmanager
async def home_assistant(config: Path, *, port: int = 0, debug: bool = False, more: str = "") -> AsyncGenerator[str]:
    """Run Home Assistant with the integration of this checkout and give its address. Its log is `config`/log.txt.

    `more` is added to its configuration.
    """
    port = free_port(port)
    async with home_assistant_process(config, port, debug=debug, more=more):
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def home_assistant_process(
    config: Path, port: int, *, debug: bool = False, more: str = ""
) -> AsyncGenerator[Process]:
    """The same, and give the process, for who wants to end it in another way. It may begin with what another left."""
    _write_config(config, (_DEBUG_LOG if debug else "") + more)
    # SETUP_PORT, and not the configuration: a port given there is only tried, and given up after five minutes.
    environment = os.environ | {"SETUP_PORT": str(port), "PYTHONUNBUFFERED": "1"}
    with (config / "log.txt").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "homeassistant", "--skip-pip", "--config", str(config)),
            env=environment,
            stdout=log,
            stderr=STDOUT,
            start_new_session=True,
        )
        try:
            await _until_it_answers(f"http://127.0.0.1:{port}", process)
            yield process
        finally:
            await _end(process)


def _write_config(config: Path, more: str) -> None:
    media = config / "media"
    media.mkdir(parents=True, exist_ok=True)
    (config / "configuration.yaml").write_text(_CONFIGURATION.format(media=media) + more)
    automations = config / "automations.yaml"
    if not automations.exists():
        automations.write_text("[]\n")
    components = config / "custom_components"
    if not components.is_symlink():
        components.symlink_to(ROOT / "custom_components")


async def _until_it_answers(url: str, process: Process) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(600):
            if process.returncode is not None:
                raise RigError(f"Home Assistant ended with code {process.returncode}")
            # The frontend comes after all that the first start asks for.
            with suppress(aiohttp.ClientError):
                async with session.get(f"{url}/manifest.json") as response:
                    if response.status == 200:
                        return
            await asyncio.sleep(0.1)
    raise RigError("Home Assistant did not answer within a minute")


async def _end(process: Process) -> None:
    """Ask the process to end, and make it."""
    for how, patience in ((signal.SIGTERM, 20), (signal.SIGKILL, 5)):
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(how)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), patience)

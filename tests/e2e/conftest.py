"""One emulator, one Home Assistant and one browser for all tests of a worker; each test has an instance of its own."""

from collections.abc import AsyncGenerator
from pathlib import Path
import re

from PIL import Image
from playwright.async_api import Browser
import pytest

from .api import HomeAssistant, Json, Phone
from .browser import chromium
from .processes import emulator, home_assistant
from tests.measured import pytest_terminal_summary, report

__all__ = ["pytest_terminal_summary", "report"]

# A code lasts 10 s instead of 20: long enough to be read from the screen, short enough to see two.
_TIME_SCALE = 0.5

# A voice that needs no internet.
_VOICE = "tts:\n  - platform: demo\n"

# What the integration complains of in its own name, or Home Assistant of it.
_COMPLAINT = re.compile(r" (WARNING|ERROR) .*whatsapp_link(?!.* which has not been tested by Home Assistant)")


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of Home Assistant, with its log."""
    return tmp_path_factory.mktemp("config")


@pytest.fixture(scope="session")
async def phone() -> AsyncGenerator[Phone]:
    """Return the phone of a running emulator."""
    async with emulator(time_scale=_TIME_SCALE) as url, Phone(url) as phone:
        yield phone


@pytest.fixture(scope="session")
async def hass(config: Path, phone: Phone) -> AsyncGenerator[HomeAssistant]:
    """Return a running Home Assistant after its first questions. It ends before the gateways it speaks to."""
    async with home_assistant(config, debug=True, more=_VOICE) as url, HomeAssistant(url) as hass:
        await hass.onboard()
        yield hass
    log = (config / "log.txt").read_text(errors="replace")
    assert "Detected blocking call" not in log
    assert [line for line in log.splitlines() if _COMPLAINT.search(line)] == []


@pytest.fixture(scope="session")
async def camera(config: Path, hass: HomeAssistant) -> str:
    """Return a camera, called Front door."""
    view = config / "front_door.jpg"
    Image.effect_noise((320, 240), 64).save(view)
    step = await hass.start_flow("local_file")
    await hass.flow(step["flow_id"], {"name": "Front door", "file_path": str(view)})
    return "camera.front_door"


@pytest.fixture(scope="session")
async def browser() -> AsyncGenerator[Browser]:
    """Return a running Chromium."""
    async with chromium() as browser:
        yield browser


@pytest.fixture
async def instance(phone: Phone) -> Json:
    """Return a new instance that waits for a phone."""
    return await phone.create_instance("green_api")

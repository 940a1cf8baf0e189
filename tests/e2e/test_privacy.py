"""Nothing private is written down: a whole session, and then a look into all that Home Assistant leaves behind."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import json
from pathlib import Path
import re
import sqlite3

import pytest

from .api import HomeAssistant, Json, Phone, wait_for
from .marks import Marks
from .private_session import RECIPIENT, PrivateSession
from .processes import emulator, home_assistant

_GATEWAYS = ("green_api", "waha", "evolution")
# Home Assistant's own parts log what is typed when they are told to debug; nobody does that without need.
_CONFIGURATION = """\
recorder:
  commit_interval: 0
diagnostics:
system_health:
logger:
  default: info
  logs:
    custom_components.whatsapp_link: debug
"""
# What somebody types into an action is in Home Assistant's own event that it was performed. The recorder keeps that
# event of every integration, unless the user excludes it.
_TYPED = re.compile(r"sent .*|recipient number .*")
# Credentials and people's addresses live there, and nowhere else.
_CREDENTIALS = "core.config_entries"


@dataclass
class Traces:
    """What a session leaves behind, and what was seen of it while it ran."""

    config: Path
    marks: Marks = field(default_factory=Marks)
    states: list[Json] = field(default_factory=list)
    shown: dict[str, str] = field(default_factory=dict)

    def show(self, what: str, content: object) -> None:
        """Keep something that a user may show to others."""
        self.shown[what] = json.dumps(content)


@pytest.fixture(scope="module")
async def traces(tmp_path_factory: pytest.TempPathFactory) -> Traces:
    """Live through a session in a Home Assistant of its own, which has ended."""
    traces = Traces(tmp_path_factory.mktemp("private"))
    async with _home(traces.config) as (hass, phone):
        marks, media = traces.marks, traces.config / "media"
        sessions = [PrivateSession(hass, phone, marks, media, gateway) for gateway in _GATEWAYS]
        async with asyncio.TaskGroup() as group:
            for session in sessions:
                group.create_task(session.live())
        await _forge(hass, traces)
        traces.states = await hass.call("GET", "/api/states")
        await phone.call("POST", "/phone/limit", {"instance": sessions[0].address})
        await hass.reload(sessions[0].entry_id)
        await wait_for("an issue", lambda: _issues(hass, traces))
        for session in sessions:
            path = f"/api/diagnostics/config_entry/{session.entry_id}"
            traces.show(f"diagnostics of {session.gateway}", await hass.call("GET", path))
        traces.show("system health", await hass.system_health())
        await hass.remove(sessions[-1].entry_id)
    return traces


@asynccontextmanager
async def _home(config: Path) -> AsyncGenerator[tuple[HomeAssistant, Phone]]:
    async with (
        emulator(time_scale=0.1) as phone_url,
        home_assistant(config, more=_CONFIGURATION) as url,
        HomeAssistant(url) as hass,
        Phone(phone_url) as phone,
    ):
        await hass.onboard()
        yield hass, phone


async def _forge(hass: HomeAssistant, traces: Traces) -> None:
    """Call the webhook as somebody who has found its address, but not the secret."""
    content = json.loads((traces.config / ".storage" / _CREDENTIALS).read_text())
    for entry in content["data"]["entries"]:
        if webhook := entry["data"].get("webhook"):
            traces.marks.note("webhook id", webhook["id"])
            traces.marks.note("webhook secret", webhook["secret"])
            forged = traces.marks.make("forged call")
            for headers in ({}, {"X-Webhook-Secret": forged}):
                with pytest.raises(Exception, match="HTTP 401"):
                    await hass.call("POST", f"/api/webhook/{webhook['id']}", {"event": forged}, headers=headers)


async def _issues(hass: HomeAssistant, traces: Traces) -> list[Json] | None:
    found: list[Json] = (await hass.command("repairs/list_issues"))["issues"]
    traces.show("issues", found)
    return [issue for issue in found if issue["domain"] == "whatsapp_link"] or None


def _tables(config: Path) -> Iterator[tuple[str, str]]:
    """Yield what the recorder keeps, table by table."""
    with sqlite3.connect(config / "home-assistant_v2.db") as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            yield name, "\n".join(database.iterdump(filter=name))


def _events(config: Path) -> Iterator[tuple[str, str]]:
    """Yield the events that the recorder keeps, each by its type."""
    with sqlite3.connect(config / "home-assistant_v2.db") as database:
        yield from database.execute(
            "SELECT event_types.event_type, shared_data FROM events"
            " JOIN event_types USING (event_type_id) JOIN event_data USING (data_id)"
        )


def test_search_finds(traces: Traces) -> None:
    """What is to be found is found, wherever it is looked for."""
    marks = traces.marks
    held = Marks()
    held.note("name", RECIPIENT)
    storage = traces.config / ".storage"
    for name in ("core.config_entries", "core.device_registry"):
        assert held.found_in((storage / name).read_text())
    assert held.found_in(dict(_tables(traces.config))["state_attributes"])
    in_entries = marks.found_in((storage / _CREDENTIALS).read_text())
    for gateway in ("green_api", "waha"):
        assert {f"token {gateway}", f"account {gateway}", f"recipient number {gateway}"} <= in_entries
    in_states = marks.found_in(json.dumps(traces.states))
    assert {f"last text {gateway}" for gateway in _GATEWAYS} <= in_states
    calls = " ".join(content for kind, content in _events(traces.config) if kind == "call_service")
    assert {f"sent caption {gateway}" for gateway in _GATEWAYS} <= marks.found_in(calls)
    log = (traces.config / "log.txt").read_text()
    assert "DEBUG" in log
    assert "custom_components.whatsapp_link" in log


def test_log(traces: Traces) -> None:
    """The log has what is done, and nothing of what is in it."""
    log = (traces.config / "log.txt").read_text()
    assert traces.marks.found_in(log) == set()


def test_states(traces: Traces) -> None:
    """What people write is for automations, in event entities, and nowhere else."""
    leaking = {
        state["entity_id"]: found
        for state in traces.states
        if (found := traces.marks.found_in(json.dumps(state))) and not state["entity_id"].startswith("event.")
    }
    assert leaking == {}


def test_shown(traces: Traces) -> None:
    """What is shown to others when they are to help has nothing private in it."""
    assert {what: found for what, content in traces.shown.items() if (found := traces.marks.found_in(content))} == {}


def test_recorder(traces: Traces) -> None:
    """The recorder keeps what a user typed into an action, as it does for every integration, and nothing else."""
    tables = {name: traces.marks.found_in(content) for name, content in _tables(traces.config)}
    del tables["event_data"]
    assert {name: found for name, found in tables.items() if found} == {}
    for kind, content in _events(traces.config):
        found = traces.marks.found_in(content)
        assert kind == "call_service" or not found
        assert {name for name in found if not _TYPED.fullmatch(name)} == set()


def test_storage(traces: Traces) -> None:
    """Of all files, only that of the entries has credentials and numbers, and none has a message."""
    leaking = {
        path.name: found
        for path in (traces.config / ".storage").iterdir()
        if path.name != _CREDENTIALS and (found := traces.marks.found_in(path.read_text()))
    }
    assert leaking == {}
    told = traces.marks.found_in((traces.config / ".storage" / _CREDENTIALS).read_text())
    assert {name for name in told if not re.match("token|account|recipient number|webhook", name)} == set()

"""Lists of chats as real accounts have them: long, and with a picture in each row."""

import json
from typing import Any

import aiohttp
from aiohttp import web
import pytest

from custom_components.whatsapp_link.gateways import GATEWAYS, evolution, http, waha_shapes
from custom_components.whatsapp_link.gateways.errors import InvalidAnswer
from custom_components.whatsapp_link.gateways.evolution import Evolution
from custom_components.whatsapp_link.gateways.gateway import Gateway
from custom_components.whatsapp_link.gateways.model import Chat
from tests.emulator.evolution_instance import EvolutionInstance
from tests.gateways.rig import Rig
from tests.gateways.servers import Handler, always, serve

CREDENTIALS: dict[str, dict[str, str]] = {
    "green_api": {"instance_id": "1101000001", "token": "0ddba11" * 7},
    "wawp": {"token": "0ddba11" * 4, "instance_id": "0DDBA11C0FFE"},
    "wasend": {"token": "0ddba11" * 4, "session_id": "living-room-1"},
    "whatsapp_api": {},
    "waha": {"token": "0ddba11" * 4, "session_name": "living_room"},
    "evolution": {"token": "0ddba11" * 4, "instance_name": "home"},
}
# As the messages of a picture have a small one with them.
PICTURE = "/9j/4AAQSkZJRgABAQ" * 600
NUMBERS = [str(13035500000 + number) for number in range(100)]


def at(session: aiohttp.ClientSession, key: str, url: str) -> Gateway:
    """Return a client of a server that is no emulator's."""
    return GATEWAYS[key](session, url, CREDENTIALS[key])


def rows(key: str) -> Any:
    """Return what a vendor lists: a hundred people."""
    if key == "green_api":
        return [{"id": f"{number}@c.us", "name": PICTURE, "type": "user"} for number in NUMBERS]
    if key == "whatsapp_api":
        chats = [{"id": f"{number}@c.us", "name": "", "last_message": {"body": PICTURE}} for number in NUMBERS]
        return {"ok": True, "count": len(chats), "chats": chats}
    last = {"message": {"imageMessage": {"jpegThumbnail": PICTURE}}}
    if key == "evolution":
        return [{"remoteJid": f"{number}@s.whatsapp.net", "pushName": None, "lastMessage": last} for number in NUMBERS]
    return [{"id": f"{number}@c.us", "name": "", "lastMessage": {"_data": last}} for number in NUMBERS]


def without_groups(people: Handler) -> Handler:
    """Return a server that lists people, and no groups; its session works."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/api/status":
            return web.json_response({"state": "ready", "ready": True})
        return web.json_response([]) if "fetchAllGroups" in request.path else await people(request)

    return answer


@pytest.mark.parametrize("key", CREDENTIALS)
async def test_long_list(session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """It is read as long as it is, and refused beyond any sense."""
    monkeypatch.setattr(evolution, "_CHATS_ON_PAGE", 1000)
    body = json.dumps(rows(key))
    assert len(body) > 1024 * 1024
    async with serve(without_groups(always(body=body))) as server:
        chats = await at(session, key, server.url).list_chats()
        assert [chat.chat_id for chat in chats] == [f"{number}@c.us" for number in NUMBERS]
        monkeypatch.setattr(http, "_MAX_LIST", len(body) - 1)
        monkeypatch.setattr(http, "_MAX_BODY", len(body))
        with pytest.raises(InvalidAnswer, match="too large"):
            await at(session, key, server.url).list_chats()


# Evolution API gives its chats in pages


@pytest.mark.parametrize(
    ("people", "pages"), [(0, [0]), (99, [0]), (100, [0, 100]), (250, [0, 100, 200]), (2000, [*range(0, 1000, 100)])]
)
async def test_pages(session: aiohttp.ClientSession, people: int, pages: list[int]) -> None:
    """One page after the other is asked for, until one is not full, or there is more than anybody chooses from."""
    asked: list[int] = []
    everybody = [{"remoteJid": f"{13035500000 + number}@s.whatsapp.net"} for number in range(people)]

    async def answer(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        asked.append(body["skip"])
        return web.json_response(everybody[body["skip"] : body["skip"] + body["take"]])

    async with serve(without_groups(answer)) as server:
        chats = await at(session, "evolution", server.url).list_chats()
    assert asked == pages
    assert len({chat.chat_id for chat in chats}) == len(chats) == min(people, 1000)


@pytest.mark.parametrize("people", [50, 100, 150])
async def test_server_without_pages(session: aiohttp.ClientSession, people: int) -> None:
    """Where all come at once, nobody is there twice, however many they are."""
    everybody = json.dumps([{"remoteJid": f"{13035500000 + number}@s.whatsapp.net"} for number in range(people)])
    async with serve(without_groups(always(body=everybody))) as server:
        chats = await at(session, "evolution", server.url).list_chats()
    assert len({chat.chat_id for chat in chats}) == len(chats) == people


# WAHA, and what is built on it, give theirs in pages as well


@pytest.mark.parametrize("key", ["waha", "wawp", "wasend"])
@pytest.mark.parametrize(
    ("people", "pages"), [(0, [0]), (99, [0]), (100, [0, 100]), (250, [0, 100, 200]), (2000, [*range(0, 1000, 100)])]
)
async def test_pages_by_offset(session: aiohttp.ClientSession, key: str, people: int, pages: list[int]) -> None:
    """One page after the other is asked for, as above."""
    asked: list[int] = []
    everybody = [{"id": f"{13035500000 + number}@c.us", "name": ""} for number in range(people)]

    async def answer(request: web.Request) -> web.StreamResponse:
        given = await request.json() if request.can_read_body else request.query
        offset, limit = int(given["offset"]), int(given["limit"])
        asked.append(offset)
        return web.json_response(everybody[offset : offset + limit])

    async with serve(answer) as server:
        chats = await at(session, key, server.url).list_chats()
    assert asked == pages
    assert len({chat.chat_id for chat in chats}) == len(chats) == min(people, 1000)


@pytest.mark.parametrize("key", ["waha", "wawp", "wasend"])
async def test_same_page_again(session: aiohttp.ClientSession, key: str) -> None:
    """A server that knows no pages is not asked for more than a second one."""
    everybody = [{"id": f"{13035500000 + number}@c.us", "name": ""} for number in range(100)]
    async with serve(always(body=json.dumps(everybody))) as server:
        assert len(await at(session, key, server.url).list_chats()) == 100
        assert len(server.requests) == 2


@pytest.mark.parametrize("key", ["waha", "wawp", "wasend"])
async def test_pages_by_offset_of_the_emulated_server(rig: Rig, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """The vendors understand how they are asked."""
    monkeypatch.setattr(waha_shapes, "_ON_PAGE", 2)
    await rig.prepare(key, "list_chats")
    instance = rig.instance(key)
    known = {chat.chat_id for chat in await rig.client(key).list_chats()}
    people = {f"1303555014{last}" for last in range(2, 7)}
    for number in people:
        rig.emulator.phone.write(f"{key}/{instance.id}", f"+{number}", "Hi")
    listed = [chat.chat_id for chat in await rig.client(key).list_chats()]
    assert set(listed) == known | {f"{number}@c.us" for number in people}
    assert len(set(listed)) == len(listed)


async def test_pages_of_the_emulated_server(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The vendor understands how it is asked."""
    monkeypatch.setattr(evolution, "_CHATS_ON_PAGE", 2)
    instance = rig.instance("evolution")
    assert isinstance(instance, EvolutionInstance)
    instance.link(instance.number)
    people = [f"1303555014{last}" for last in range(2, 7)]
    for number in people:
        rig.emulator.phone.write(f"evolution/{instance.id}", f"+{number}", "Hi")
    gateway = rig.client("evolution")
    assert isinstance(gateway, Evolution)
    listed = [chat for chat in await gateway.list_chats() if not chat.is_group]
    assert {chat.chat_id for chat in listed} == {f"{number}@c.us" for number in people}
    assert Chat("13035550142@c.us", "Ada Neighbour", is_group=False) in listed
    assert rig.emulator.requests.count(method="chat/findChats") == 3

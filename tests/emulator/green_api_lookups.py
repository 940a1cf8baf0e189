"""GREEN-API's methods that look something up: numbers, contacts, chats."""

import hashlib

from aiohttp import hdrs, web

from .green_api_call import Call, Method
from .green_api_checks import check_number
from .green_api_quota import use_check
from .people import GROUPS, NUMBERS_WITHOUT_ACCOUNT, PEOPLE


def lookup_methods() -> dict[str, Method]:
    """Return the methods by their names."""
    return {
        "checkWhatsapp": Method(hdrs.METH_POST, _check_whatsapp, 10, authorized=True),
        "getContacts": Method(hdrs.METH_GET, _get_contacts, 1, authorized=True),
        "getChats": Method(hdrs.METH_GET, _get_chats, authorized=True),
    }


async def _check_whatsapp(call: Call) -> web.Response:
    number = check_number(call.body)
    use_check(call.instance)
    exists = number not in NUMBERS_WITHOUT_ACCOUNT
    # The chat id without an account is not documented.
    return web.json_response({"existsWhatsapp": exists, "chatId": lid_of(number) if exists else ""})


async def _get_contacts(call: Call) -> web.Response:
    people = [
        {
            "id": person.chat_id,
            "name": person.name,
            "contactName": person.contact_name,
            "type": "user",
        }
        for person in PEOPLE
    ]
    groups = [
        {
            "id": group.chat_id,
            "name": group.name,
            "contactName": "",
            "type": "group",
        }
        for group in GROUPS
    ]
    chosen = {"true": groups, "false": people}
    contacts = chosen.get(call.request.query.get("group", ""), people + groups)
    return web.json_response(contacts[: _count_in(call.request)])


async def _get_chats(call: Call) -> web.Response:
    named = [(person.chat_id, person.name, "user") for person in PEOPLE]
    named += [(group.chat_id, group.name, "group") for group in GROUPS]
    chats = [
        {
            "archive": False,
            "id": chat_id,
            "ephemeralExpiration": 0,
            "ephemeralSettingTimestamp": 0,
            "name": name,
            "type": kind,
        }
        for chat_id, name, kind in named
    ]
    return web.json_response(chats[: _count_in(call.request)])


def _count_in(request: web.Request) -> int | None:
    given = request.query.get("count", "")
    return int(given) if given.isdecimal() else None


def lid_of(number: str) -> str:
    """Return the system-generated id that WhatsApp has for a number."""
    if number.endswith("@lid"):
        return number
    digest = hashlib.sha256(f"lid of {number}".encode()).digest()
    return f"{10**14 + int.from_bytes(digest[:6]) % 10**14}@lid"

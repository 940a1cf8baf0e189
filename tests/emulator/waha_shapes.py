"""How WAHA shows its server and its sessions (vendor OpenAPI)."""

import hashlib
import secrets
from typing import TYPE_CHECKING

from .model import JsonObject, chat_id_of, digits_of
from .people import PEOPLE

if TYPE_CHECKING:
    from .waha_instance import WahaInstance
    from .waha_options import WahaOptions

OWN_NAME = "Casey"
WORKER = "waha"
_BROWSER = "/usr/bin/google-chrome-stable"
_VERSION = "2026.7.1"
# The newest version whose source is public; it has the limits of the former Core.
_OLD_VERSION = "2024.10.8"
_LID_RANGE = 10**15


def environment(options: WahaOptions) -> JsonObject:
    """Return what `/api/server/version` says."""
    return {
        "version": _OLD_VERSION if options.core_only else _VERSION,
        "engine": options.engine,
        "tier": "CORE",
        "browser": _BROWSER if options.engine == "WEBJS" else None,
        "platform": "linux/x64",
        "worker": {"id": WORKER},
    }


def lid_of(number: str) -> str:
    """Return the id that hides somebody's number, always the same for the same number."""
    digest = hashlib.sha256(f"lid {number}".encode()).digest()
    return f"{int.from_bytes(digest[:8]) % _LID_RANGE}@lid"


def number_of(lid: str, own_number: str) -> str | None:
    """Return the number behind an id, if the account knows it: of its contacts, and its own."""
    known = [person.number for person in PEOPLE]
    return next((number for number in (*known, own_number) if lid_of(number) == lid), None)


def ids_of_chat(chat_id: str, own_number: str) -> set[str]:
    """Return all ids of a chat: a person has one with the number, and one that hides it."""
    if chat_id.endswith("@lid"):
        number = number_of(chat_id, own_number)
        return {chat_id, chat_id_of(number)} if number else {chat_id}
    return {chat_id, lid_of(f"+{digits_of(chat_id)}")} if chat_id.endswith("@c.us") else {chat_id}


def me(instance: WahaInstance) -> JsonObject | None:
    """Return the account (MeInfo), None while no phone is linked."""
    if not instance.linked or instance.state == "FAILED":
        return None
    return {
        "id": chat_id_of(instance.number),
        "lid": lid_of(instance.number),
        "jid": f"{digits_of(instance.number)}:12@s.whatsapp.net",
        "pushName": OWN_NAME,
    }


def session(instance: WahaInstance) -> JsonObject:
    """Return a session as it is answered to whoever changes it (SessionDTO)."""
    return {"name": instance.id, "status": instance.state, "config": instance.config}


def session_info(instance: WahaInstance, *, apps: bool) -> JsonObject:
    """Return a session in the list (SessionInfo); `apps` was asked for with `expand`."""
    info = session(instance) | {
        "me": me(instance),
        "presence": None,
        "timestamps": {"activity": instance.activity},
        "assignedWorker": WORKER,
    }
    return info | ({"apps": []} if apps else {})


def session_details(instance: WahaInstance, *, apps: bool) -> JsonObject:
    """Return a session by itself, which adds what the engine says of itself (vendor source)."""
    return session_info(instance, apps=apps) | {"engine": _engine(instance)}


def _engine(instance: WahaInstance) -> JsonObject:
    """Return the state of the engine; what is in there is up to the engine."""
    if instance.state == "STOPPED":
        return {}
    name = instance.options.engine
    if name == "WEBJS":
        return {"engine": name, "WWebVersion": "2.3000", "state": "CONNECTED" if instance.linked else "UNPAIRED"}
    if name == "GOWS":
        return {"engine": name, "gows": {"found": True, "connected": instance.state == "WORKING"}}
    return {"engine": name}


def passkey_challenge() -> JsonObject:
    """Return what a passkey has to answer (PasskeyChallenge)."""
    return {
        "challenge": secrets.token_urlsafe(32),
        "timeout": 60_000,
        "rpId": "web.whatsapp.com",
        "allowCredentials": [{"id": secrets.token_urlsafe(16), "type": "public-key", "transports": ["hybrid"]}],
        "userVerification": "required",
    }


def profile(instance: WahaInstance) -> JsonObject:
    """Return the account's profile (MyProfile)."""
    return {"id": chat_id_of(instance.number), "picture": None, "name": OWN_NAME}

"""Everything that can be sent, on every gateway: what the action was given is what the phone shows.

Each kind is written down once, in the phone's words. Where a vendor makes something else of it, that stands in
`DEVIATIONS`, with the reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
import hashlib
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
from homeassistant.util import slugify

from custom_components.whatsapp_link.const import DOMAIN
from custom_components.whatsapp_link.gateways import GATEWAYS
from custom_components.whatsapp_link.gateways.capability import Capability, Feature
from custom_components.whatsapp_link.gateways.model import Media, MediaKind
from custom_components.whatsapp_link.media_link import async_offer, async_withdraw
from tests.conftest import every_gateway, instance_of
from tests.emulator import Emulator
from tests.emulator.green_api_instance import GreenApiInstance
from tests.emulator.instance import Instance
from tests.emulator.model import Kind, Message, Signal
from tests.test_entities import until
from tests.test_services import ROBIN, act, loaded, recipient

GROUP = "120363000000000142@g.us"
CHANNEL = "120363000000000144@newsletter"
HIDDEN = "10000000000177@lid"
ADA = "13035550142@c.us"

# In the data of a case, these stand for messages in the chat: one that an earlier action sent, one that came in.
OWN = "<own>"
THEIRS = "<theirs>"


# --- files -----------------------------------------------------------------------------------------


def _picture() -> bytes:
    file = BytesIO()
    Image.new("RGB", (16, 16), "teal").save(file, "PNG")
    return file.getvalue()


# As small as files of their kind can be. All bytes are in them, for what is lost where bytes are taken for text.
_EVERY_BYTE = bytes(range(256))
FILES = {
    "door.png": _picture() + _EVERY_BYTE,
    "door.mp4": b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp41\x00\x00\x01\x08mdat" + _EVERY_BYTE,
    "bell.mp3": (b"\xff\xfb\x90\x00" + bytes(413)) * 3 + _EVERY_BYTE,
    "bell.ogg": b"OggS\x00\x02" + bytes(20) + b"\x01\x13OpusHead\x01\x01" + bytes(9) + _EVERY_BYTE,
    "manual.pdf": b"%PDF-1.4\n" + _EVERY_BYTE + b"\n%%EOF",
}


def shown_file(name: str, mime_type: str = "") -> dict[str, Any]:
    """Return what a phone shows of a file; what it is called, only of a document."""
    shown: dict[str, Any] = {"size": len(FILES[name]), "sha256": hashlib.sha256(FILES[name]).hexdigest()}
    return shown | ({"mime_type": mime_type} if mime_type else {})


# --- what is sent ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing to send: the action and its data, what the gateway has to be able to do, and what the phone shows."""

    action: str
    data: Mapping[str, Any]
    needs: tuple[Capability | Feature, ...]
    shows: Kind | Signal
    text: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    chat_id: str = ROBIN


def message(words: str, *needs: Feature, **others: Any) -> Case:
    """Return a text, which arrives as it is."""
    case = Case(
        action="send_message",
        data={"message": words},
        needs=(Capability.SEND_TEXT, *needs),
        shows=Kind.TEXT,
        text=words,
    )
    return replace(case, **(others | {"data": {**case.data, **others.get("data", {})}}))


def media(name: str, mime_type: str, shows: Kind, *needs: Feature, **data: str) -> Case:
    """Return a file."""
    return Case(
        action="send_media",
        data={"path": name, **data},
        needs=(Capability.SEND_MEDIA, *needs),
        shows=shows,
        text=data.get("caption", ""),
        details=shown_file(name, mime_type) | ({"file_name": name} if shows is Kind.DOCUMENT else {}),
    )


def reaction(emoji: str, to: str) -> Case:
    """Return a reaction to a message."""
    return Case(
        action="react",
        data={"message_id": to, "emoji": emoji},
        needs=(Capability.SEND_REACTION,),
        shows=Kind.REACTION,
        text=emoji,
        details={"message_id": to},
    )


def typing(state: str, shows: Signal, *needs: Feature) -> Case:
    """Return what is shown while somebody writes."""
    return Case(action="set_typing", data={"state": state}, needs=(Capability.SEND_TYPING, *needs), shows=shows)


WORDS = "The door is *open* 🚪\n“Still?” \\ & <b>"
CAPTION = "Somebody is\nat the *door* 🔔"
LINK = "See https://example.com"
BERLIN = {"latitude": 52.5163, "longitude": 13.3777}
# Beside the meridian of Greenwich, where Python writes a number with an exponent.
GREENWICH = {"latitude": -51.4779, "longitude": 0.00005}
OPTIONS = ["Yes", "No", "Ünsure"]

CASES: dict[str, Case] = {
    "text": message(WORDS),
    "group": message(WORDS, Feature.GROUPS, chat_id=GROUP),
    "channel": message(WORDS, Feature.CHANNELS, chat_id=CHANNEL),
    "hidden number": message(WORDS, Feature.HIDDEN_NUMBERS, chat_id=HIDDEN),
    "reply": message(WORDS, Feature.REPLY, data={"reply_to": OWN}),
    "reply to them": message(WORDS, Feature.REPLY, data={"reply_to": THEIRS}),
    "mention": message(
        "Dinner",
        Feature.GROUPS,
        Feature.MENTIONS,
        data={"mentions": ["+1 303 555 0142"]},
        text="Dinner @13035550142",
        details={"mentions": [ADA]},
        chat_id=GROUP,
    ),
    "no preview": message(LINK, Feature.LINK_PREVIEW, data={"link_preview": False}, details={"link_preview": False}),
    "image": media("door.png", "image/png", Kind.IMAGE),
    "image with caption": media("door.png", "image/png", Kind.IMAGE, caption=CAPTION),
    "image as reply": media("door.png", "image/png", Kind.IMAGE, Feature.REPLY, reply_to=OWN),
    "image as document": media("door.png", "image/png", Kind.DOCUMENT, type="document"),
    "video": media("door.mp4", "video/mp4", Kind.VIDEO, caption=CAPTION),
    "audio": media("bell.mp3", "audio/mpeg", Kind.AUDIO),
    "voice": media("bell.ogg", "audio/ogg; codecs=opus", Kind.VOICE, Feature.VOICE, type="voice"),
    "voice from music": media("bell.mp3", "", Kind.VOICE, Feature.VOICE, Feature.VOICE_CONVERSION, type="voice"),
    "document": media("manual.pdf", "application/pdf", Kind.DOCUMENT),
    "document with caption": media(
        "manual.pdf", "application/pdf", Kind.DOCUMENT, Feature.DOCUMENT_CAPTION, caption=CAPTION
    ),
    "location": Case(
        action="send_location",
        data={"location": BERLIN, "name": "Gate", "address": "Square 1, Berlin", "reply_to": OWN},
        needs=(Capability.SEND_LOCATION, Feature.REPLY),
        shows=Kind.LOCATION,
        details={**BERLIN, "name": "Gate", "address": "Square 1, Berlin"},
    ),
    "bare location": Case(
        action="send_location",
        data={"location": GREENWICH},
        needs=(Capability.SEND_LOCATION,),
        shows=Kind.LOCATION,
        details={**GREENWICH, "name": "", "address": ""},
    ),
    "contact": Case(
        action="send_contact",
        data={"name": "Ada Neighbour", "phone": "+1 (303) 555-0142", "reply_to": OWN},
        needs=(Capability.SEND_CONTACT, Feature.REPLY),
        shows=Kind.CONTACT,
        details={"name": "Ada Neighbour", "number": "+13035550142"},
    ),
    "poll": Case(
        action="send_poll",
        data={"question": "Pizza tonight? 🍕", "options": OPTIONS},
        needs=(Capability.SEND_POLL,),
        shows=Kind.POLL,
        text="Pizza tonight? 🍕",
        details={"options": OPTIONS, "multiple": False},
    ),
    "poll with several answers": Case(
        action="send_poll",
        data={"question": "When?", "options": OPTIONS, "multiple": True, "reply_to": OWN},
        needs=(Capability.SEND_POLL, Feature.REPLY),
        shows=Kind.POLL,
        text="When?",
        details={"options": OPTIONS, "multiple": True},
    ),
    "reaction": reaction("👍🏽", OWN),
    "reaction to them": reaction("❤️", THEIRS),
    "reaction taken back": reaction("", OWN),
    "edit": Case(
        action="edit_message",
        data={"message_id": OWN, "message": WORDS},
        needs=(Capability.EDIT_MESSAGE,),
        shows=Kind.EDITED,
        text=WORDS,
        details={"message_id": OWN},
    ),
    "delete": Case(
        action="delete_message",
        data={"message_id": OWN},
        needs=(Capability.DELETE_MESSAGE,),
        shows=Kind.DELETED,
        details={"message_id": OWN},
    ),
    "read": Case(action="mark_read", data={"message_id": THEIRS}, needs=(Capability.MARK_READ,), shows=Signal.READ),
    "read all": Case(action="mark_read", data={}, needs=(Capability.MARK_READ, Feature.READ_CHAT), shows=Signal.READ),
    "typing": typing("typing", Signal.TYPING),
    "recording": typing("recording", Signal.RECORDING, Feature.RECORDING),
    "paused": typing("paused", Signal.PAUSED, Feature.PAUSED),
}

# Where a vendor makes something else of it.
DEVIATIONS: dict[tuple[str, str], dict[str, Any]] = {
    # These have no call for music: it arrives as a file.
    **{
        (key, "audio"): {"shows": Kind.DOCUMENT, "details": {"file_name": "bell.mp3"}}
        for key in ("wawp", "wasend", "waha")
    },
    # The extension alone decides what a file is shown as.
    ("green_api", "image as document"): {"shows": Kind.IMAGE},
    # There is one field for the name and the address.
    ("waha", "location"): {"details": {"name": "Gate, Square 1, Berlin", "address": ""}},
    # It insists on a name and an address, so these are the degrees.
    ("evolution", "bare location"): {
        "details": {"name": "-51.4779000, 0.0000500", "address": "-51.4779000, 0.0000500"}
    },
}


def case_of(key: str, name: str) -> Case:
    """Return a case as it is with a gateway."""
    case = CASES[name]
    changes = DEVIATIONS.get((key, name), {})
    return replace(case, **(changes | {"details": {**case.details, **changes.get("details", {})}}))


def missing(key: str, name: str) -> Capability | Feature | None:
    """Return what a gateway would have to be able to do for a case, and cannot."""
    able = GATEWAYS[key].capabilities | GATEWAYS[key].features
    return next((needed for needed in CASES[name].needs if needed not in able), None)


# --- messages that others refer to -----------------------------------------------------------------


def id_told(message: Message) -> str:
    """Return what the gateway calls a message when it tells of it."""
    if message.gateway == "green_api" or (message.outgoing and message.gateway not in ("evolution", "wachat")):
        return message.id
    return f"{str(message.outgoing).lower()}_{message.chat_id}_{message.id}"


def id_shown(message: Message) -> str:
    """Return what the emulated phone calls it when another message refers to it."""
    return message.id if message.gateway == "evolution" else id_told(message)


async def earlier(hass: HomeAssistant, emulator: Emulator, instance: Instance, case: Case) -> dict[str, Message]:
    """Have the messages in the chat that a case is about."""
    messages: dict[str, Message] = {}
    if OWN in case.data.values():
        answer = await act(hass, "send_message", entity_id="notify.robin", message="Earlier")
        await until(lambda: bool(emulator.phone.messages(instance.id)))
        messages[OWN] = emulator.phone.messages(instance.id)[0]
        assert answer is not None
        assert answer["messages"] == [
            {"recipient": "Robin", "message_id": id_told(messages[OWN]), "entity_id": "notify.robin"}
        ]
    if THEIRS in case.data.values() or case.shows is Signal.READ:
        messages[THEIRS], noticed = emulator.phone.write(instance.id, case.chat_id.partition("@")[0], "Hello")
        assert noticed
    return messages


def filled(values: Mapping[str, Any], messages: Mapping[str, str]) -> dict[str, Any]:
    """Return values with ids in the places of the messages that they stand for."""
    return {name: messages.get(value, value) if isinstance(value, str) else value for name, value in values.items()}


@pytest.fixture
async def files(hass: HomeAssistant, tmp_path: Path) -> Path:
    """Return the folder with the files, which Home Assistant may read."""
    for name, content in FILES.items():
        await hass.async_add_executor_job((tmp_path / name).write_bytes, content)
    hass.config.allowlist_external_dirs = {str(tmp_path)}
    return tmp_path


async def give_address(hass: HomeAssistant, hass_client: ClientSessionGenerator) -> None:
    """Let Home Assistant answer HTTP at an address that it knows, for gateways that fetch files there."""
    for component in (DOMAIN, "notify"):
        assert await async_setup_component(hass, component, {})
    hass.config.internal_url = "http://127.0.0.1:1"
    # Other than Home Assistant's own server, the one of the tests knows no path that comes up while it runs.
    async_withdraw(hass, async_offer(hass, Media(MediaKind.DOCUMENT, "text/plain", "none", b""), allow_internal=True))
    client = await hass_client()
    hass.config.internal_url = f"http://127.0.0.1:{client.port}"


@pytest.mark.parametrize(
    ("key", "name"), [(key, name) for key in GATEWAYS for name in CASES if missing(key, name) is None]
)
async def test_arrives(
    hass: HomeAssistant,
    emulator: Emulator,
    files: Path,
    hass_client_no_auth: ClientSessionGenerator,
    key: str,
    name: str,
) -> None:
    """What a gateway can send arrives as it was given, and the answer names it as the gateway does."""
    case = case_of(key, name)
    instance = instance_of(emulator, key)
    if GATEWAYS[key].takes_links:
        await give_address(hass, hass_client_no_auth)
    if isinstance(instance, GreenApiInstance):
        # Page ReadChat: what came in before that cannot be marked as read.
        instance.change_settings({"incomingWebhook": "yes"})
    async with loaded(hass, instance, recipient("Robin", case.chat_id)):
        messages = await earlier(hass, emulator, instance, case)
        before = len(emulator.phone.messages(instance.id))
        emulator.phone.notices.clear()
        data = filled(case.data, {name: id_told(message) for name, message in messages.items()})
        if "path" in data:
            data["path"] = str(files / data["path"])
        answer = await act(hass, case.action, entity_id="notify.robin", **data)
        shown_ids = {name: id_shown(message) for name, message in messages.items()}
        if isinstance(case.shows, Signal):
            await until(lambda: bool(emulator.phone.notices))
            notice = emulator.phone.notices[0]
            assert (notice.chat_id, notice.signal) == (case.chat_id, case.shows)
            # Some vendors name all that was unread.
            assert notice.message_ids in (
                [tuple(shown_ids.values())] if "message_id" in data else [(), tuple(shown_ids.values())]
            )
            assert answer is None
            return
        await until(lambda: len(emulator.phone.messages(instance.id)) > before)
        (shown,) = emulator.phone.messages(instance.id)[before:]
        assert (shown.chat_id, shown.kind, shown.text) == (case.chat_id, case.shows, case.text)
        assert shown.quoted_id == shown_ids.get(case.data.get("reply_to", ""), "")
        details = filled(case.details, shown_ids)
        assert {name: shown.details.get(name) for name in details} == details
        if case.action.startswith("send_"):
            sent = {"recipient": "Robin", "message_id": id_told(shown), "entity_id": "notify.robin"}
            assert answer == {"messages": [sent]}


@every_gateway
async def test_cannot(hass: HomeAssistant, emulator: Emulator, files: Path, key: str) -> None:
    """What a gateway cannot send is said by name, and nothing is requested for it."""
    instance = instance_of(emulator, key)
    chats = {case.chat_id: f"Chat {number}" for number, case in enumerate(CASES.values())}
    recipients = [recipient(title, chat_id) for chat_id, title in chats.items()]
    async with loaded(hass, instance, *recipients):
        emulator.requests.reset()
        hass.config.internal_url = "http://192.0.2.1:8123"
        for name, case in CASES.items():
            if (lacking := missing(key, name)) is None:
                continue
            data = {name: str(files / value) if name == "path" else value for name, value in case.data.items()}
            entity_id = f"notify.{slugify(chats[case.chat_id])}"
            with pytest.raises(HomeAssistantError) as raised:
                await act(hass, case.action, entity_id=entity_id, **data)
            assert raised.value.translation_key == f"cannot_{lacking}", name
            assert str(raised.value).startswith(f"{GATEWAYS[key].name} cannot "), name
        assert emulator.requests.count() == 0

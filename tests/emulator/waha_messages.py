"""Messages as WAHA shows them: ids, the answer to a send, and `WAMessage`."""

import secrets
from typing import TYPE_CHECKING, Protocol

from .model import MEDIA_KINDS, JsonObject, Kind, Message, chat_id_of
from .waha_engines import SeenMessage, bare_id, engine_message, full_id, vcard, writer_of

if TYPE_CHECKING:
    from .waha_instance import WahaInstance

# Vendor docs, page events: how far a message got.
ERROR, PENDING, SERVER, DEVICE, READ, PLAYED = range(-1, 5)
ACK_NAMES = {ERROR: "ERROR", PENDING: "PENDING", SERVER: "SERVER", DEVICE: "DEVICE", READ: "READ", PLAYED: "PLAYED"}

# Crockford's alphabet, of which WAHA takes the small letters.
_ULID_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
_ULID_LENGTH = 26


def ulid() -> str:
    """Return an id as WAHA makes them for sessions and events."""
    return "01" + "".join(secrets.choice(_ULID_LETTERS) for _ in range(_ULID_LENGTH - 2))


def usual_chat_id(given: str) -> str:
    """Return a chat in the form that messages show; WhatsApp's internal one is accepted."""
    return given.replace("@s.whatsapp.net", "@c.us")


# The answer to a send


def sent(instance: WahaInstance, message: Message) -> JsonObject:
    """Return the answer to a send, which differs from engine to engine."""
    data = engine_message(instance.engine, message, PENDING)
    if instance.engine == "NOWEB":
        return data
    if instance.engine == "WEBJS":
        return {"_data": data, "id": data["id"], "ack": PENDING, "timestamp": message.timestamp}
    if instance.options.core_only:
        return {"id": message.id, "_data": data}
    return wa_message(instance, message) | {"ack": PENDING, "ackName": ACK_NAMES[PENDING]}


# WAMessage


class Account(Protocol):
    """What messages need to know of their session, be it one of a vendor who builds on WAHA."""

    @property
    def number(self) -> str:
        """Number of the account, with plus sign."""

    @property
    def engine(self) -> str:
        """Which of WAHA's engines runs."""

    @property
    def downloads_media(self) -> bool:
        """Whether files are there to be fetched."""

    def ack_of(self, message: Message) -> int:
        """Return how far a message got."""

    def find_message(self, given: str) -> Message | None:
        """Return a message by its id in full or bare form."""

    def publish_file(self, message: Message) -> str:
        """Return the address of a message's file."""


def wa_message(account: Account, message: Message, *, download_media: bool = True) -> JsonObject:
    """Return a message in lists and events (vendor OpenAPI, WAMessage)."""
    me = chat_id_of(account.number)
    ack = account.ack_of(message)
    media = _media(account, message) if download_media else None
    return {
        "id": full_id(message),
        "timestamp": message.timestamp,
        "from": me if message.outgoing else message.chat_id,
        "fromMe": message.outgoing,
        "source": source_of(message),
        "to": message.chat_id if message.outgoing else me,
        "participant": writer_of(message) if message.in_group else None,
        "body": message.text,
        "hasMedia": message.kind in MEDIA_KINDS,
        "media": media,
        "mediaUrl": media["url"] if media else "",
        "ack": ack,
        "ackName": ACK_NAMES[ack],
        "location": _location(message),
        "vCards": vcards(message),
        "replyTo": _reply_to(account, message),
        "_data": engine_message(account.engine, message, ack),
    }


def source_of(message: Message) -> str:
    """Return where a message was written (vendor docs, page events)."""
    typed = isinstance(message, SeenMessage) and message.typed
    return "api" if message.outgoing and not typed else "app"


def _media(account: Account, message: Message) -> JsonObject | None:
    if message.kind not in MEDIA_KINDS or not account.downloads_media:
        return None
    return {
        "url": account.publish_file(message),
        "mimetype": message.details.get("mime_type", ""),
        "filename": message.details.get("file_name"),
        "s3": None,
        "error": None,
    }


def _location(message: Message) -> JsonObject | None:
    """Vendor OpenAPI, WALocation: the coordinates are text."""
    if message.kind is not Kind.LOCATION:
        return None
    return {
        "latitude": str(message.details["latitude"]),
        "longitude": str(message.details["longitude"]),
        "live": False,
        "name": message.details.get("name", ""),
        "address": message.details.get("address", ""),
        "url": None,
        "description": None,
        "thumbnail": None,
    }


def vcards(message: Message) -> list[str]:
    """Return the cards of the contacts in a message."""
    if message.kind is not Kind.CONTACT:
        return []
    contacts = message.details.get("contacts", [message.details])
    return [vcard(contact["name"], contact["number"]) for contact in contacts]


def _reply_to(account: Account, message: Message) -> JsonObject | None:
    """Vendor OpenAPI, ReplyToMessage: its id is a bare one."""
    if not message.quoted_id:
        return None
    quoted = account.find_message(message.quoted_id)
    return {
        "id": bare_id(message.quoted_id),
        "participant": writer_of(quoted) if quoted else None,
        "body": quoted.text if quoted else "",
        "hasMedia": quoted is not None and quoted.kind in MEDIA_KINDS,
        "media": None,
        "_data": {},
    }

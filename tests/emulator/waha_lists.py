"""How WAHA shows people, groups and chats, which is up to the engine for the most part."""

from typing import TYPE_CHECKING

from .model import JsonObject, Kind, Message, chat_id_of
from .people import GROUPS, NUMBERS_WITHOUT_ACCOUNT, PEOPLE, Group, Person
from .waha_messages import READ, wa_message
from .waha_shapes import OWN_NAME, ids_of_chat

if TYPE_CHECKING:
    from .waha_instance import WahaInstance

# What is neither of these is a message in a chat.
_NO_MESSAGES = (Kind.REACTION, Kind.POLL_VOTE, Kind.EDITED, Kind.DELETED, Kind.CALL)


# People


def contacts(session: WahaInstance) -> list[JsonObject]:
    """Return the address book, and the account itself."""
    return [contact(session, person) for person in (*PEOPLE, _owner(session))]


def contact(session: WahaInstance, person: Person) -> JsonObject:
    """Return somebody. The vendor docs have what WEBJS says; the others say a part of it."""
    shown: JsonObject = {"id": person.chat_id, "name": person.contact_name or None, "pushname": person.name}
    if session.options.engine == "WEBJS":
        shown |= {
            "number": person.number.removeprefix("+"),
            "shortName": person.contact_name.partition(" ")[0] or None,
            "isMe": person.number == session.number,
            "isGroup": False,
            "isWAContact": True,
            "isMyContact": bool(person.contact_name),
            "isBlocked": False,
        }
    return shown


def find_contact(session: WahaInstance, chat_id: str) -> Person:
    """Return somebody by their chat id; strangers have no name."""
    ids = ids_of_chat(chat_id, session.number)
    known = (person for person in (*PEOPLE, _owner(session)) if person.chat_id in ids)
    return next(known, Person(f"+{chat_id.partition('@')[0]}", "", ""))


def _owner(session: WahaInstance) -> Person:
    return Person(session.number, OWN_NAME, "")


def checked_number(engine: str, number: str) -> JsonObject:
    """Return whether somebody uses WhatsApp; the chat is null or not there, if not."""
    if number not in NUMBERS_WITHOUT_ACCOUNT:
        return {"numberExists": True, "chatId": chat_id_of(number)}
    return {"numberExists": False} | ({"chatId": None} if engine == "WEBJS" else {})


# Chats


def chats(session: WahaInstance) -> list[JsonObject]:
    """Return all chats, as the engine has them."""
    return [_engine_chat(session, chat_id, name) for chat_id, name in _names(session).items()]


def overview(session: WahaInstance) -> list[JsonObject]:
    """Return all chats, the latest first (vendor OpenAPI, ChatSummary)."""
    summaries = [_summary(session, chat_id, name) for chat_id, name in _names(session).items()]
    return sorted(summaries, key=lambda summary: _time_of(session, summary["id"]), reverse=True)


def messages(session: WahaInstance, chat_id: str) -> list[Message]:
    """Return the messages of a chat, the oldest first."""
    ids = ids_of_chat(chat_id, session.number)
    return [each for each in session.messages if each.chat_id in ids and each.kind not in _NO_MESSAGES]


def unread_messages(session: WahaInstance, chat_id: str) -> list[Message]:
    """Return what others wrote in a chat and the account has not read, the oldest first."""
    return [each for each in messages(session, chat_id) if not each.outgoing and session.ack_of(each) < READ]


def _names(session: WahaInstance) -> dict[str, str | None]:
    """Return all chats with their names: those with messages, and those known without."""
    names: dict[str, str | None] = {person.chat_id: person.contact_name or person.name for person in PEOPLE}
    names |= {group.chat_id: group.name for group in GROUPS}
    for message in session.messages:
        # By default, a chat is shown once, whichever of its ids a message has.
        if not ids_of_chat(message.chat_id, session.number) & names.keys():
            names[message.chat_id] = message.sender_name or None
    return names


def _time_of(session: WahaInstance, chat_id: str) -> int:
    found = messages(session, chat_id)
    return found[-1].timestamp if found else 0


def _summary(session: WahaInstance, chat_id: str, name: str | None) -> JsonObject:
    found = messages(session, chat_id)
    return {
        "id": chat_id,
        "name": name,
        "picture": None,
        "lastMessage": wa_message(session, found[-1]) if found else None,
        "_chat": _engine_chat(session, chat_id, name),
    }


def _engine_chat(session: WahaInstance, chat_id: str, name: str | None) -> JsonObject:
    """Return a chat as the engine has it, of which nothing is documented but the sorting."""
    time = _time_of(session, chat_id)
    unread = len(unread_messages(session, chat_id))
    match session.options.engine:
        case "WEBJS":
            user, _, server = chat_id.partition("@")
            return {
                "id": {"server": server, "user": user, "_serialized": chat_id},
                "name": name,
                "isGroup": server == "g.us",
                "timestamp": time,
                "unreadCount": unread,
            }
        case "NOWEB":
            return {"id": chat_id, "name": name, "conversationTimestamp": time, "unreadCount": unread}
    return {"id": chat_id, "name": name, "conversationTimestamp": time}


# Groups


def groups(session: WahaInstance, *, participants: bool) -> list[JsonObject]:
    """Return the groups that the account is in."""
    return [group_shape(session, group, participants=participants) for group in GROUPS]


def group_shape(session: WahaInstance, group: Group, *, participants: bool = True) -> JsonObject:
    """Return a group as the events have it (vendor docs); that of the list is not documented."""
    members = [
        {"id": chat_id_of(number), "role": "superadmin" if number == group.members[0] else "participant"}
        for number in (*group.members, session.number)
    ]
    shown: JsonObject = {
        "id": group.chat_id,
        "subject": group.name,
        "description": "",
        "invite": None,
        "membersCanAddNewMember": True,
        "membersCanSendMessages": True,
        "newMembersApprovalRequired": False,
    }
    return shown | ({"participants": members} if participants else {})

"""Evolution API's answers about instances, their codes, and people and groups."""

import base64

from .evolution_call import Call
from .evolution_instance import EvolutionInstance
from .evolution_jids import is_group, jid_from, jid_of, lid_of, number_of
from .evolution_messages import shown_name
from .evolution_store import row_id
from .faults import PICTURE_FAULTS
from .model import JsonObject
from .people import GROUPS, NUMBERS_WITHOUT_ACCOUNT, PEOPLE, Group, contact_name_of

BAILEYS = "WHATSAPP-BAILEYS"
VERSION = "2.3.6"
# The server's name for itself, by which it finds its instances in a shared database.
CLIENT_NAME = "evolution_exchange"
_SETTINGS: JsonObject = {
    "rejectCall": False,
    "msgCall": "",
    "groupsIgnore": False,
    "alwaysOnline": False,
    "readMessages": False,
    "readStatus": False,
    "syncFullHistory": False,
    "wavoipToken": "",
}
SETTING_NAMES = tuple(_SETTINGS)
_UNUSED = ("websocket", "rabbitmq", "nats", "sqs")
_NOT_A_PICTURE = b"This is not a picture."
# When the groups of the emulator were made.
_GROUP_CREATION = 1700000000


def state(instance: EvolutionInstance) -> JsonObject:
    """Return the answer of /instance/connectionState, and that of connect when linked."""
    return {"instance": {"instanceName": instance.id, "state": instance.state}}


def qr_code(call: Call, instance: EvolutionInstance) -> JsonObject:
    """Return the present code; while there is none, there is just their number."""
    if (code := instance.codes.current()) is None:
        return {"count": 0}
    broken = call.world.faults.take(instance.gateway, call.method, PICTURE_FAULTS) is not None
    picture = base64.b64encode(_NOT_A_PICTURE if broken else code.png).decode()
    return {
        "pairingCode": instance.pairing_code_with(code),
        # Nor is there a text that a picture could be made of.
        "code": "" if broken else code.text,
        "base64": f"data:image/png;base64,{picture}",
        "count": instance.codes.count,
    }


def created(instance: EvolutionInstance) -> JsonObject:
    """Return the answer of /instance/create, without the code."""
    webhook = instance.order.webhook
    return {
        "instance": {
            "instanceName": instance.id,
            "instanceId": instance.row,
            "integration": BAILEYS,
            "webhookWaBusiness": None,
            "accessTokenWaBusiness": "",
            "status": instance.state,
        },
        "hash": instance.token,
        "webhook": {
            "webhookUrl": webhook.get("url"),
            "webhookHeaders": webhook.get("headers", {}),
            "webhookByEvents": webhook.get("byEvents", False),
            "webhookBase64": webhook.get("base64", False),
        },
        **{name: {"enabled": False} for name in _UNUSED},
        "settings": settings(instance),
    }


def settings(instance: EvolutionInstance) -> JsonObject:
    """Return the settings, with the defaults for those that nobody chose."""
    return _SETTINGS | instance.order.settings


def instance_row(instance: EvolutionInstance) -> JsonObject:
    """Return a row of /instance/fetchInstances, which is the database's."""
    gone = instance.disconnection
    # The column knows no `refused`: it changes with the end of the connection.
    status = "connecting" if instance.state == "refused" else instance.state
    return {
        "id": instance.row,
        "name": instance.id,
        "connectionStatus": status,
        "ownerJid": instance.owner_jid,
        "profileName": instance.profile_name,
        "profilePicUrl": instance.picture_url,
        "integration": BAILEYS,
        "number": instance.order.number or None,
        "businessId": None,
        "token": instance.token if instance.options.expose else None,
        "clientName": CLIENT_NAME,
        "disconnectionReasonCode": gone.code if gone else None,
        "disconnectionObject": gone.as_text if gone else None,
        "disconnectionAt": gone.at if gone else None,
        "createdAt": instance.created_at,
        "updatedAt": instance.updated_at,
        **dict.fromkeys(("Chatwoot", "Proxy", "Rabbitmq", "Nats", "Sqs", "Websocket")),
        "Setting": {
            "id": row_id(instance.row, "setting"),
            **settings(instance),
            "createdAt": instance.created_at,
            "updatedAt": instance.created_at,
            "instanceId": instance.row,
        },
        "_count": {
            "Message": len(instance.store.messages),
            "Contact": len(contacts(instance)),
            "Chat": len(instance.store.chats),
        },
    }


# People and groups


def checked_number(instance: EvolutionInstance, number: str) -> JsonObject:
    """Return what WhatsApp knows of a number, as /chat/whatsappNumbers has it.

    This is also the message of the error for a recipient who is not there.
    """
    jid = jid_from(number)
    if number_of(jid) in NUMBERS_WITHOUT_ACCOUNT:
        return {"jid": jid, "exists": False, "number": number}
    chat_id = jid.replace("@s.whatsapp.net", "@c.us")
    known = shown_name(chat_id) if instance.owner_jid else ""
    named = {"name": known} if known else {}
    return {"jid": jid, "exists": True, "number": number, **named, "lid": None}


def contacts(instance: EvolutionInstance) -> list[JsonObject]:
    """Return the rows of /chat/findContacts: nobody before the first link."""
    if not instance.owner_jid:
        return []
    known = [person.chat_id for person in PEOPLE] + [group.chat_id for group in GROUPS]
    strangers = [chat.chat_id for chat in instance.store.chats if chat.chat_id not in known]
    return [_contact(instance, chat_id) for chat_id in known + strangers]


def _contact(instance: EvolutionInstance, chat_id: str) -> JsonObject:
    jid = jid_of(chat_id)
    digits = chat_id.partition("@")[0]
    return {
        "id": row_id(instance.row, "contact", chat_id),
        "remoteJid": jid,
        "pushName": shown_name(chat_id) or digits,
        "profilePicUrl": None,
        "createdAt": instance.created_at,
        "updatedAt": instance.created_at,
        "instanceId": instance.row,
        "isGroup": is_group(jid),
        "isSaved": bool(contact_name_of(f"+{digits}")),
        "type": "group" if is_group(jid) else "contact",
    }


def group(instance: EvolutionInstance, shown: Group, *, participants: bool) -> JsonObject:
    """Return a group as /group/fetchAllGroups has it; the account is its owner."""
    members = [{"id": instance.owner_jid, "admin": "superadmin"}]
    members += [_member(instance, number) for number in shown.members]
    answer: JsonObject = {
        "id": shown.chat_id,
        "subject": shown.name,
        "subjectOwner": instance.owner_jid,
        "subjectTime": _GROUP_CREATION,
        "pictureUrl": None,
        "size": len(members),
        "creation": _GROUP_CREATION,
        "owner": instance.owner_jid,
        "desc": None,
        "descId": None,
        "restrict": False,
        "announce": False,
        "isCommunity": False,
        "isCommunityAnnounce": False,
        "linkedParent": None,
    }
    return answer | ({"participants": members} if participants else {})


def _member(instance: EvolutionInstance, number: str) -> JsonObject:
    """Return somebody in a group, by the lid where WhatsApp has one instead of the number."""
    jid = jid_from(number)
    who = {"id": lid_of(number), "phoneNumber": jid} if instance.options.lids else {"id": jid}
    return {**who, "admin": None}

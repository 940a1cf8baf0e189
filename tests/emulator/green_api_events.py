"""The notifications of GREEN-API: what lands in the queue or at the webhook.

Shapes as in GREEN-API's documentation, section Receiving (the pages on the formats of
incoming and outgoing webhooks), and the types of the vendor's own integration library.
"""

from collections.abc import Callable

from .clock import unix_time
from .model import MEDIA_KINDS, JsonObject, Kind, Message, chat_id_of, digits_of
from .people import contact_name_of, group_name_of

# The setting that has to be "yes" for a kind of message to be notified of.
SETTING_FOR_KIND = {
    Kind.POLL_VOTE: "pollMessageWebhook",
    Kind.EDITED: "editedMessageWebhook",
    Kind.DELETED: "deletedMessageWebhook",
    Kind.CALL: "incomingCallWebhook",
}
SETTING_FOR_OTHER_KINDS = "incomingWebhook"


class Notifications:
    """Makes the notifications of one instance."""

    def __init__(self, instance_id: str, wid: Callable[[], str], url: Callable[[], str]) -> None:
        """Prepare.

        `wid` returns the account's own chat id, "" while not linked; `url` where files are.
        """
        self._instance_id = int(instance_id)
        self._wid = wid
        self._url = url

    def incoming(self, message: Message) -> JsonObject:
        """Somebody wrote, or called."""
        if message.kind is Kind.CALL:
            return self._common("incomingCall") | {
                "from": chat_id_of(message.sender),
                "status": message.details["status"],
                "idMessage": message.id,
            }
        return self._with_message("incomingMessageReceived", message)

    def sent_by_api(self, message: Message) -> JsonObject:
        """A message went out that the API had been asked to send."""
        return self._with_message("outgoingAPIMessageReceived", message)

    def status(self, message: Message, status: str) -> JsonObject:
        """A message that was sent came a step further."""
        return self._common("outgoingMessageStatus") | {
            "chatId": message.chat_id,
            "idMessage": message.id,
            "status": status,
            "sendByApi": True,
        }

    def state(self, state: str) -> JsonObject:
        """The instance changed its state."""
        return self._common("stateInstanceChanged") | {"stateInstance": state}

    def quota_exceeded(self, used: int, total: int, description: str) -> JsonObject:
        """The tariff's number of chats is used up.

        The notification says QUOTA where the API says QUOTE.
        """
        return self._common("quotaExceeded") | {
            "quotaData": {
                "method": "correspondents",
                "used": used,
                "total": total,
                "status": "CORRESPONDENTS_QUOTA_EXCEEDED",
                "description": description,
            }
        }

    def _common(self, kind: str) -> JsonObject:
        return {
            "typeWebhook": kind,
            "instanceData": {
                "idInstance": self._instance_id,
                "wid": self._wid(),
                "typeInstance": "whatsapp",
            },
            "timestamp": unix_time(),
        }

    def _with_message(self, kind: str, message: Message) -> JsonObject:
        sender = chat_id_of(message.sender)
        chat_name = (
            group_name_of(message.chat_id) if message.in_group else message.sender_name or digits_of(message.sender)
        )
        return self._common(kind) | {
            "timestamp": message.timestamp,
            "idMessage": message.id,
            "senderData": {
                "chatId": message.chat_id,
                "sender": sender,
                "chatName": chat_name,
                "senderName": message.sender_name,
                "senderContactName": contact_name_of(message.sender),
            },
            "messageData": self._message_data(message),
        }

    def _message_data(self, message: Message) -> JsonObject:
        if message.kind in MEDIA_KINDS:
            # Of a file that was sent, the phone knows only the path.
            return _file(message, message.details.get("url") or self._url() + message.details["path"])
        return _MESSAGE_DATA[message.kind](message)


def _quoted(message: Message) -> JsonObject:
    """Return the reference to the message that is answered or reacted to."""
    return {
        "stanzaId": message.quoted_id or message.details.get("message_id", ""),
        "participant": message.details.get("participant", ""),
    }


def _text(message: Message) -> JsonObject:
    if message.quoted_id:
        reference = _quoted(message)
        return {
            "typeMessage": "quotedMessage",
            "extendedTextMessageData": {"text": message.text} | reference,
            "quotedMessage": reference | {"typeMessage": "textMessage", "textMessage": ""},
        }
    if "http://" in message.text or "https://" in message.text:
        return {
            "typeMessage": "extendedTextMessage",
            "extendedTextMessageData": {
                "text": message.text,
                "description": "",
                "title": "",
                "previewType": "None",
                "jpegThumbnail": "",
                "forwardingScore": 0,
                "isForwarded": False,
            },
        }
    return {
        "typeMessage": "textMessage",
        "textMessageData": {"textMessage": message.text},
    }


_FILE_TYPES = {
    Kind.IMAGE: "imageMessage",
    Kind.VIDEO: "videoMessage",
    Kind.AUDIO: "audioMessage",
    # The vendor makes no difference between a voice message and other sound.
    Kind.VOICE: "audioMessage",
    Kind.DOCUMENT: "documentMessage",
    Kind.STICKER: "stickerMessage",
}


def _file(message: Message, url: str) -> JsonObject:
    data: JsonObject = {
        "typeMessage": _FILE_TYPES[message.kind],
        "fileMessageData": {
            "downloadUrl": url,
            "caption": message.text,
            "fileName": message.details["file_name"],
            "jpegThumbnail": "",
            "mimeType": message.details["mime_type"],
            "forwardingScore": 0,
            "isForwarded": False,
        },
    }
    if message.kind is Kind.STICKER:
        data["fileMessageData"]["isAnimated"] = False
    if message.quoted_id:
        data["quotedMessage"] = _quoted(message)
    return data


def _location(message: Message) -> JsonObject:
    return {
        "typeMessage": "locationMessage",
        "locationMessageData": {
            "nameLocation": message.details.get("name", ""),
            "address": message.details.get("address", ""),
            "latitude": message.details["latitude"],
            "longitude": message.details["longitude"],
            "jpegThumbnail": "",
        },
    }


def _contact(message: Message) -> JsonObject:
    name, number = message.details["name"], message.details["number"]
    return {
        "typeMessage": "contactMessage",
        "contactMessageData": {
            "displayName": name,
            "vcard": (
                f"BEGIN:VCARD\nVERSION:3.0\nN:;{name};;;\nFN:{name}\n"
                f"TEL;type=CELL;waid={digits_of(number)}:{number}\nEND:VCARD"
            ),
        },
    }


def _reaction(message: Message) -> JsonObject:
    return {
        "typeMessage": "reactionMessage",
        "extendedTextMessageData": {"text": message.text},
        "quotedMessage": _quoted(message),
    }


def _poll(message: Message) -> JsonObject:
    return {
        "typeMessage": "pollMessage",
        "pollMessageData": {
            "name": message.text,
            "options": [{"optionName": name} for name in message.details["options"]],
            "multipleAnswers": message.details["multiple"],
        },
    }


def _poll_vote(message: Message) -> JsonObject:
    return {
        "typeMessage": "pollUpdateMessage",
        "pollMessageData": {
            "stanzaId": message.details["message_id"],
            "name": message.text,
            "votes": [
                {"optionName": name, "optionVoters": [chat_id_of(message.sender)]}
                for name in message.details["options"]
            ],
            "multipleAnswers": len(message.details["options"]) > 1,
        },
    }


def _edited(message: Message) -> JsonObject:
    return {
        "typeMessage": "editedMessage",
        "editedMessageData": {
            "textMessage": message.text,
            "stanzaId": message.details["message_id"],
        },
    }


def _deleted(message: Message) -> JsonObject:
    return {
        "typeMessage": "deletedMessage",
        "deletedMessageData": {"stanzaId": message.details["message_id"]},
    }


_MESSAGE_DATA: dict[Kind, Callable[[Message], JsonObject]] = {
    Kind.TEXT: _text,
    Kind.LOCATION: _location,
    Kind.CONTACT: _contact,
    Kind.REACTION: _reaction,
    Kind.POLL: _poll,
    Kind.POLL_VOTE: _poll_vote,
    Kind.EDITED: _edited,
    Kind.DELETED: _deleted,
}

"""Evolution API's call that hands out the file of a message (vendor source, getBase64FromMediaMessage)."""

import base64
from http import HTTPStatus
import mimetypes

from .evolution_call import POST, Call, Route
from .evolution_messages import content_of
from .evolution_reach import ScriptError, no_connection
from .evolution_refusals import bad
from .evolution_store import StoredMessage
from .model import MEDIA_KINDS, JsonObject, Kind

_MEDIA_TYPES = frozenset(
    {"imageMessage", "documentMessage", "audioMessage", "videoMessage", "stickerMessage", "ptvMessage"}
)
_NO_MEDIA = "The message is not of the media type"


async def _fetch(call: Call) -> JsonObject:
    """Return a file in base64. No schema is asked, and every exception becomes a text."""
    wanted = call.body.get("message")
    key = wanted.get("key") if isinstance(wanted, dict) else None
    if not isinstance(wanted, dict):
        raise bad(str(ScriptError("TypeError", "Cannot read properties of undefined (reading 'key')")))
    # A message that is given whole is taken as it is.
    if wanted.get("message") and not _MEDIA_TYPES & set(wanted["message"]):
        raise bad(_NO_MEDIA)
    stored = call.instance.store.find(str(key.get("id", ""))) if isinstance(key, dict) else None
    if stored is None:
        raise bad("Message not found")
    return _answer(call, stored)


def _answer(call: Call, stored: StoredMessage) -> JsonObject:
    message = stored.message
    if message.kind not in MEDIA_KINDS:
        raise bad(_NO_MEDIA)
    if not call.instance.had_connection:
        raise bad(str(no_connection(call.instance, "updateMediaMessage")))
    file = call.world.files.find(message.details.get("path", ""))
    if file is None:
        # WhatsApp has not got it any more.
        raise bad("Error: Request failed with status code 404")
    media_type, content = content_of(call.instance, message)
    assert isinstance(content, dict)
    mime_type = content["mimetype"]
    # Only documents have a name.
    name = content.get("fileName") or f"{message.id}{_extension(mime_type)}"
    if call.body.get("convertToMp4") and message.kind in (Kind.AUDIO, Kind.VOICE):
        # As everywhere, the bytes stay what they are.
        mime_type = "audio/mp4"
    answer = {
        "mediaType": media_type,
        "fileName": name,
        "size": {"fileLength": content.get("fileLength")},
        "mimetype": mime_type,
        "base64": base64.b64encode(file.content).decode(),
        "buffer": None,
    }
    return answer | ({"caption": content["caption"]} if "caption" in content else {})


def _extension(mime_type: str) -> str:
    return mimetypes.guess_extension(mime_type.partition(";")[0].strip()) or ".false"


ROUTES = (Route(POST, "chat/getBase64FromMediaMessage", _fetch, HTTPStatus.CREATED),)

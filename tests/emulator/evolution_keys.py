"""Keys, by which requests to Evolution API say which message they are about."""

import re

from .evolution_instance import EvolutionInstance
from .evolution_messages import message_key
from .evolution_schema import Field
from .model import JsonObject

KEY_FIELDS = (Field("id", required=True), Field("remoteJid", required=True), Field("fromMe", "boolean", required=True))
_JID = re.compile(r"\d+(-\d+)?@(s\.whatsapp\.net|g\.us|lid)")


def is_understood(instance: EvolutionInstance, key: JsonObject) -> bool:
    """Say whether WhatsApp finds the message that a key describes.

    The server passes on whatever it is given, and answers as if it had worked. A message
    that the database does not know may be from before, so only its chat has to make sense.
    """
    stored = instance.store.find(key["id"])
    if stored is None:
        return _JID.fullmatch(key["remoteJid"]) is not None
    known = message_key(stored.message)
    return key["fromMe"] == known["fromMe"] and key["remoteJid"] in (known["remoteJid"], known.get("remoteJidAlt"))

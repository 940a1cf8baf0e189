"""The quotas of GREEN-API's free tariff, and status 466, which tells that one is used up.

Page on common errors; the numbers are from the page on tariffs.
"""

from .green_api_instance import FREE_CHATS, FREE_CHECKS, GreenApiInstance
from .model import JsonObject

QUOTA_STATUS = 466
_CHANGE_TARIFF = (
    "Monthly quota has been exceeded. Please go to your personal account and change the "
    "tariff to business https://console.green-api.com"
)


class QuotaExceeded(Exception):
    """The tariff does not allow this; its answer has a shape of its own."""

    def __init__(self, body: JsonObject) -> None:
        """Refuse with this body."""
        super().__init__("quota exceeded")
        self.body = body


def use_chat(instance: GreenApiInstance, chat_id: str, method: str) -> None:
    """Count a chat that is sent to.

    Raises:
        QuotaExceeded: The free tariff knows other chats this month.

    """
    chats = instance.chats_used
    if instance.options.tariff != "developer" or chat_id in chats or len(chats) < FREE_CHATS:
        chats.add(chat_id)
        return
    description = (
        "Monthly quota has been exceeded. You can only send or receive messages from "
        f"these numbers: {', '.join(sorted(chats))}"
    )
    instance.quota_exceeded(description)
    raise QuotaExceeded(
        {
            "invokeStatus": {
                "method": method.lower(),
                "used": len(chats),
                "total": 0,
                "status": "QUOTE_ALLOWED",
            },
            "correspondentsStatus": {
                "method": "correspondents",
                "used": len(chats),
                "total": FREE_CHATS,
                "status": "CORRESPONDENTS_QUOTE_EXCEEDED",
                "description": description,
            },
        }
    )


def use_check(instance: GreenApiInstance) -> None:
    """Count a number that is looked up.

    Raises:
        QuotaExceeded: The free tariff allows no more this month.

    """
    if instance.options.tariff != "developer":
        return
    if instance.checks_used < FREE_CHECKS:
        instance.checks_used += 1
        return
    raise QuotaExceeded(
        {
            "invokeStatus": {
                "method": "checkwhatsapp",
                "used": instance.checks_used,
                "total": FREE_CHECKS,
                "status": "QUOTE_EXCEEDED",
                "description": _CHANGE_TARIFF,
            }
        }
    )

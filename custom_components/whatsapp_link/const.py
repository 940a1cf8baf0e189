"""Names that several files share."""

from typing import Final

DOMAIN: Final = "whatsapp_link"

CONF_ACCOUNT: Final = "account"
CONF_BASE_URL: Final = "base_url"
CONF_CHAT_ID: Final = "chat_id"
CONF_CREDENTIALS: Final = "credentials"
CONF_GAP: Final = "gap"
CONF_GATEWAY: Final = "gateway"
CONF_HIDE_TEXT: Final = "hide_text"
CONF_LISTED: Final = "listed"
CONF_LOST_REASON: Final = "lost_reason"
CONF_OWN_MESSAGES: Final = "own_messages"
CONF_RECEIVING: Final = "receiving"
CONF_SENDERS: Final = "senders"
CONF_WEBHOOK: Final = "webhook"

SUBENTRY_RECIPIENT: Final = "recipient"

SENDERS_RECIPIENTS: Final = "recipients"
SENDERS_LISTED: Final = "listed"
SENDERS_EVERYONE: Final = "everyone"

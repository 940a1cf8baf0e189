"""Names that several files share."""

from typing import Final

DOMAIN: Final = "whatsapp_link"

CONF_BASE_URL: Final = "base_url"
CONF_CHAT_ID: Final = "chat_id"
CONF_CREDENTIALS: Final = "credentials"
CONF_GATEWAY: Final = "gateway"

SUBENTRY_RECIPIENT: Final = "recipient"

"""What the owner of a WAHA server chose when they set it up."""

from dataclasses import dataclass

from .waha_webhooks import Webhook

# Vendor docs, page engines. The fourth, WPP, is not emulated.
ENGINES = ("NOWEB", "WEBJS", "GOWS")


@dataclass
class WahaOptions:
    """How the server treats a session."""

    engine: str = "GOWS"
    # A phone is linked from the beginning, as after a restart of the server.
    linked: bool = False
    # WhatsApp asks for a passkey after the scan (vendor docs, page sessions: GOWS only).
    passkey: bool = False
    # WAHA Core as it was before 2026.6.1, with one session and fewer functions.
    core_only: bool = False
    # Engine NOWEB keeps chats and contacts, whatever the session's configuration says.
    store: bool = True
    # From the start to the first code, or to the link that is there already.
    start_seconds: float = 2.0
    # WHATSAPP_DOWNLOAD_MEDIA: without it, messages say that there is a file, but not where.
    download_media: bool = True
    # WAHA_BASE_URL, which few people set: the host in the addresses of files.
    files_host: str = "http://localhost:3000"
    # WhatsApp hides the numbers of those who write (vendor docs, page contacts, on LIDs).
    lids: bool = False
    # WhatsApp turns down every message after the server has taken it: ack ERROR.
    acks_fail: bool = False
    # WHATSAPP_HOOK_URL and WHATSAPP_HOOK_EVENTS, with commas: a webhook for all sessions,
    # which no configuration shows (vendor docs, page events).
    hook_url: str = ""
    hook_events: str = "session.status,message"
    hook_hmac_key: str = ""

    @property
    def webhook(self) -> Webhook | None:
        """The webhook for all sessions."""
        if not self.hook_url:
            return None
        return Webhook(self.hook_url, tuple(self.hook_events.split(",")), self.hook_hmac_key)

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.engine not in ENGINES:
            msg = f"Option 'engine' must be one of {', '.join(ENGINES)}"
            raise ValueError(msg)
        if self.passkey and self.engine != "GOWS":
            msg = "Option 'passkey' is for engine GOWS only"
            raise ValueError(msg)

"""How an instance of Wawp and its account behave, where the vendor's sources leave room."""

from dataclasses import dataclass

_CHOICES = {
    "refusals_as": ("json", "xml", "text"),
    "sent_as": ("webjs", "id", "key", "job", "queued"),
    "file_data": ("both", "nested", "flat", "none"),
    "plan": ("free", "paid"),
    "status_event": ("payload", "flat"),
    "events_as": ("object", "array"),
}


@dataclass
class WawpOptions:
    """How an instance and its account behave; all times are vendor seconds."""

    # From `start` to the first code or the link. Clients have been seen to wait 4 s.
    start_seconds: float = 4.0
    # The first start ends de-synced: see `WawpInstance.desync`.
    desync: bool = False
    # The first start never ends. Vendor docs: STARTING for more than 60 s wants a restart.
    stuck: bool = False
    # A word to say in place of the true state, for those that no page explains: READY,
    # PAUSED and OFFLINE in the vendor's WordPress plugin, PASSKEY_REQUIRED in the engine.
    status: str = ""
    # The 422 comes in the words of the engine underneath; the docs show no body of it.
    engine_errors: bool = False
    # Instances that the account may have before `session/create` says quota_reached.
    quota: int = 3
    # The server that the instance was on is no more: 404 `server_not_found`.
    server_gone: bool = False
    # Vendor docs: calls of the group session answer 400 as JSON, as XML or as plain text.
    refusals_as: str = "json"
    # The vendor docs show one answer to a send, "webjs": a message with its id in `_data`.
    # Clients have been seen to expect others: a plain "id", a "key" as of Baileys, a "job",
    # or only that it is "queued".
    sent_as: str = "webjs"
    # Where base64 is accepted, which the vendor docs do not have; clients try several places.
    file_data: str = "both"
    # Messages of the plan, as the free one has some; 0 is no limit.
    monthly_messages: int = 0
    # The limits of the policy hold (page session/rate-limit), whose figures are made up.
    policy_holds: bool = False
    # Vendor docs, page session/webhook: not with the plan "free", but with any that is "paid".
    plan: str = "free"
    # The vendor docs have session.status with a "payload"; older ones a "flat" event with the code.
    status_event: str = "payload"
    # The vendor's n8n node takes events one by one ("object") and in an "array".
    events_as: str = "object"
    # WhatsApp hides the numbers of those who write.
    lids: bool = False
    # WhatsApp turns down every message after the API has accepted it: ack ERROR.
    acks_fail: bool = False

    def __post_init__(self) -> None:
        """Refuse words that mean nothing."""
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                msg = f"Option {name!r} must be {', '.join(choices[:-1])} or {choices[-1]}"
                raise ValueError(msg)

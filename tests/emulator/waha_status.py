"""The life of a session at WAHA, in the vendor's words."""

from enum import StrEnum
import time
from typing import Literal

from .model import JsonObject

type Status = Literal[
    "STOPPED", "STARTING", "SCAN_QR_CODE", "PASSKEY_REQUIRED", "PASSKEY_CONFIRMATION_REQUIRED", "WORKING", "FAILED"
]

# Not documented how long it lasts; the example of the vendor docs is about a day.
_LOCK_SECONDS = 24 * 60 * 60


class Phase(StrEnum):
    """What was done with the session last, as far as the server goes."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    PASSKEY = "passkey"
    PASSKEY_CONFIRMATION = "passkey confirmation"
    FAILED = "failed"


# While it runs, the phone decides.
STATUSES: dict[Phase, Status] = {
    Phase.STOPPED: "STOPPED",
    Phase.STARTING: "STARTING",
    Phase.PASSKEY: "PASSKEY_REQUIRED",
    Phase.PASSKEY_CONFIRMATION: "PASSKEY_CONFIRMATION_REQUIRED",
    Phase.FAILED: "FAILED",
}


def reachout_timelock(*, active: bool) -> JsonObject:
    """Return what WORKING says of an account that may not write to strangers (vendor docs, page events)."""
    return {
        "reachoutTimelock": {
            "enforcementType": "RESTRICT_ALL_COMPANIONS",
            "isActive": active,
            "timeEnforcementEnds": int(time.time()) + (_LOCK_SECONDS if active else 0),
        }
    }

"""What can go wrong between a client and a gateway.

One family: each kind is something the caller can act on. No text in here ever holds a credential, a number,
a message or an address, so that an error may be logged and shown as it is.
"""

import traceback

from .capability import Capability, Feature
from .model import SessionState


def origin(error: BaseException) -> str:
    """Return what kind of error it is and where it comes from, for the log. Its words may be what somebody wrote."""
    return "".join([type(error).__name__, "\n", *traceback.format_tb(error.__traceback__)])


class GatewayError(Exception):
    """Base of everything the ground floor raises on purpose."""


class CannotReach(GatewayError):
    """The gateway did not answer, or answered that it is out of order.

    `maybe_acted` says whether the request can have taken effect all the same. Only when it is False may a
    request that sends something be repeated.
    """

    def __init__(self, reason: str, *, maybe_acted: bool) -> None:
        """Say why, in a few English words for the log."""
        super().__init__(reason)
        self.maybe_acted = maybe_acted


class InvalidCredentials(GatewayError):
    """The gateway refused the token or key."""


class InstanceNotFound(GatewayError):
    """The gateway does not know the instance."""


class WrongState(GatewayError):
    """The session is in a state in which the gateway cannot do what was asked."""

    def __init__(self, state: SessionState, retry_after: float | None = None) -> None:
        """Tell the state the gateway spoke of, and in how many seconds it will have healed by itself, if it will."""
        super().__init__(f"the session is {state}")
        self.state = state
        self.retry_after = retry_after


class RateLimited(GatewayError):
    """Too many requests; nothing was done."""

    def __init__(self, retry_after: float | None = None) -> None:
        """Tell how many seconds to wait, if the gateway said so."""
        super().__init__("too many requests")
        self.retry_after = retry_after


class QuotaExceeded(GatewayError):
    """What the account has paid for is used up; nothing was done."""


class Refused(GatewayError):
    """The gateway understood and said no. The text is its reason, redacted."""


class InvalidAnswer(GatewayError):
    """The answer is not one that this gateway gives: most often another server lives at the address."""


class NotOnWhatsApp(GatewayError):
    """There is no account with this number; nothing was sent."""


class WebhookTaken(GatewayError):
    """The gateway has room for one webhook, and it is somebody else's; nothing was changed."""


class Forged(GatewayError):
    """A call to a webhook that is not from the gateway, or is too old."""


class Unsupported(GatewayError):
    """The gateway cannot do this at all; nothing was requested."""

    def __init__(self, what: Capability | Feature) -> None:
        """Tell what it cannot do."""
        super().__init__(what.value)
        self.what = what

"""Faults that wait to happen: which gateway's next answers are to be broken, and how."""

from dataclasses import asdict, dataclass
from enum import StrEnum

from .model import JsonObject

# Port 9 discards; nothing listens there.
NOWHERE = "http://127.0.0.1:9/"


class FaultName(StrEnum):
    """All that can be wrong with an answer."""

    REFUSED_CONNECTION = "refused_connection"
    TIMEOUT = "timeout"
    UNAUTHORIZED = "401"
    FORBIDDEN_HTML = "403_html"
    NOT_FOUND = "404"
    CONFLICT = "409"
    UNPROCESSABLE = "422"
    TOO_MANY_REQUESTS = "429"
    TOO_MANY_REQUESTS_RETRY_AFTER = "429_retry_after"
    SERVER_ERROR_HTML = "500_html"
    BAD_GATEWAY_HTML = "502_html"
    MALFORMED_JSON = "malformed_json"
    WRONG_JSON_TYPE = "wrong_json_type"
    ERROR_IN_200 = "200_with_error"
    TRUNCATED_BODY = "truncated_body"
    ENDLESS_BODY = "endless_body"
    SLOW_DRIP = "slow_drip"
    REDIRECT = "redirect"
    WRONG_CONTENT_TYPE = "wrong_content_type"
    NOT_A_PNG = "not_a_png"
    EMPTY_401 = "empty_401"
    EMPTY_200 = "empty_200"


# This one breaks the picture inside an answer, so the gateway itself asks for it.
PICTURE_FAULTS = frozenset({FaultName.NOT_A_PNG})
ANSWER_FAULTS = frozenset(FaultName) - PICTURE_FAULTS


@dataclass(kw_only=True)
class Fault:
    """A fault that will hit the next `count` answers."""

    gateway: str
    name: FaultName
    count: int = 1
    # Only answers to this method of the vendor; any, if empty.
    method: str = ""
    # Seconds, as in the header; vendors do not scale it, neither does the emulator.
    retry_after: int = 30
    # Where a redirect leads.
    location: str = NOWHERE
    # The request is acted on, although the answer is broken.
    acted_on: bool = False

    def as_json(self) -> JsonObject:
        """Return the fault as the control routes show it."""
        shown = asdict(self)
        shown["fault"] = shown.pop("name").value
        return shown


class FaultBook:
    """The faults to come, oldest first."""

    def __init__(self) -> None:
        """Begin without faults."""
        self._faults: list[Fault] = []

    def add(
        self,
        gateway: str,
        fault: str,
        count: int = 1,
        *,
        method: str = "",
        retry_after: int = 30,
        location: str = NOWHERE,
        acted_on: bool = False,
    ) -> Fault:
        """Break the next `count` answers of a gateway.

        Raises:
            ValueError: No such fault, or not a sensible count.

        """
        if fault not in list(FaultName):
            known = ", ".join(name.value for name in FaultName)
            msg = f"Unknown fault {fault!r}; known are {known}"
            raise ValueError(msg)
        if count < 1:
            msg = "'count' must be at least 1"
            raise ValueError(msg)
        added = Fault(
            gateway=gateway,
            name=FaultName(fault),
            count=count,
            method=method,
            retry_after=retry_after,
            location=location,
            acted_on=acted_on,
        )
        self._faults.append(added)
        return added

    def take(self, gateway: str, method: str, names: frozenset[FaultName]) -> Fault | None:
        """Return the fault that hits this answer, if any, and count it down."""
        for fault in self._faults:
            if fault.gateway == gateway and fault.name in names and fault.method in ("", method):
                fault.count -= 1
                if fault.count == 0:
                    self._faults.remove(fault)
                return fault
        return None

    def pending(self) -> list[Fault]:
        """Return the faults that have not all happened yet."""
        return list(self._faults)

    def clear(self) -> None:
        """Take all faults back."""
        self._faults.clear()

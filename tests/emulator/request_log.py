"""Which requests came in, so that tests can count what an idle hour costs."""

from collections import Counter
from dataclasses import dataclass


@dataclass
class LoggedRequest:
    """One request to a gateway. Paths are not kept: they carry tokens."""

    gateway: str
    method: str
    instance: str
    at: float
    status: int | None = None


class RequestLog:
    """All requests to gateways, oldest first."""

    def __init__(self) -> None:
        """Begin empty."""
        self.entries: list[LoggedRequest] = []

    def add(self, gateway: str, method: str, instance: str, at: float) -> LoggedRequest:
        """Note a request; its status is filled in when it was answered."""
        entry = LoggedRequest(gateway, method, instance, at)
        self.entries.append(entry)
        return entry

    def count(
        self,
        gateway: str | None = None,
        method: str | None = None,
        instance: str | None = None,
        status: int | None = None,
    ) -> int:
        """Return how many requests fit what is given."""
        return sum(
            (gateway is None or entry.gateway == gateway)
            and (method is None or entry.method == method)
            and (instance is None or entry.instance == instance)
            and (status is None or entry.status == status)
            for entry in self.entries
        )

    def counts(self, *, answered: bool = False) -> dict[str, dict[str, int]]:
        """Return the number of requests for each gateway and method, perhaps only of those that have their answer."""
        counted: dict[str, Counter[str]] = {}
        for entry in self.entries:
            if entry.status is not None or not answered:
                counted.setdefault(entry.gateway, Counter())[entry.method] += 1
        return {gateway: dict(methods) for gateway, methods in counted.items()}

    def reset(self) -> None:
        """Forget all requests."""
        self.entries.clear()

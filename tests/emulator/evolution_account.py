"""What messages and events have to know about the instance that they are of."""

from typing import Protocol

from .evolution_store import MessageStore


class Account(Protocol):
    """An instance of Evolution API, or of a vendor who builds upon it."""

    @property
    def id(self) -> str:
        """The name, by which the API knows it."""

    @property
    def row(self) -> str:
        """The id in the database."""

    @property
    def owner_jid(self) -> str | None:
        """The jid of the account; None before the first link."""

    @property
    def store(self) -> MessageStore:
        """The messages that there were."""

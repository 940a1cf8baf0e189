"""Who Evolution API can write to, and how it fails where it cannot."""

from dataclasses import dataclass

from . import evolution_answers as answers
from .evolution_instance import EvolutionInstance
from .evolution_jids import jid_from, number_of
from .evolution_refusals import Refused, bad, crash


@dataclass(frozen=True)
class ScriptError:
    """An exception of the server's; where somebody catches it, it becomes a text."""

    name: str
    text: str

    def __str__(self) -> str:
        """Return what JavaScript makes of it."""
        return f"{self.name}: {self.text}"


def no_connection(instance: EvolutionInstance, called: str) -> ScriptError:
    """Return what happens without a connection, when this method of it is called."""
    if instance.had_connection:
        return ScriptError("Error", "Connection Closed")
    return ScriptError("TypeError", f"Cannot read properties of undefined (reading '{called}')")


def reachable(instance: EvolutionInstance, number: str) -> str:
    """Return the jid of a recipient who can be written to.

    The server asks WhatsApp about a number first, and nobody catches what goes wrong
    there. A group it does not ask about, so it is the sending itself that fails.
    """
    jid = jid_from(number)
    if not instance.is_open:
        raise _unreachable(instance, asks_first=bool(number_of(jid)))
    found = answers.checked_number(instance, number)
    if not found["exists"]:
        raise bad(found)
    return jid


def _unreachable(instance: EvolutionInstance, *, asks_first: bool) -> Refused:
    if asks_first:
        return crash(no_connection(instance, "onWhatsApp").text)
    return bad(str(no_connection(instance, "sendMessage")))

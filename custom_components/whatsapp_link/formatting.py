"""How words are put for WhatsApp."""

from collections.abc import Sequence
import re


def with_title(message: str, title: str | None) -> str:
    """Put a title above a message. WhatsApp sets bold what stands between asterisks in one line."""
    words = " ".join((title or "").split())
    return f"*{words}*\n{message}" if words else message


def with_mentions(message: str, mentions: Sequence[str]) -> str:
    """Add to a message the people (chat ids) who are mentioned and do not stand in it yet as `@digits`."""
    names = [f"@{chat_id.partition('@')[0]}" for chat_id in mentions]
    # One number may be the beginning of another.
    return " ".join([message, *(name for name in names if not re.search(rf"{name}(?!\d)", message))])

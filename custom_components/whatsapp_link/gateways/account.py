"""The account that a gateway says is linked."""

from typing import Any

from .address import InvalidAddress, parse_chat_id
from .errors import InvalidAnswer


def account_number(account: Any) -> str:
    """Return the number (digits) of an account that an answer names by its digits or its id.

    The id may be one of its devices' (`…:12@s.whatsapp.net`). Empty where no account is named, or by an opaque id
    (`…@lid`). Raises InvalidAnswer for what cannot be an account, such as a group.
    """
    if account is None or account == "":
        return ""
    if not isinstance(account, str):
        raise InvalidAnswer("the answer names no account")
    user, at, server = account.partition("@")
    try:
        chat_id = parse_chat_id(f"{user.partition(':')[0]}@{server}" if at else f"+{account}")
    except InvalidAddress:
        raise InvalidAnswer("the answer names no account") from None
    number, _, server = chat_id.partition("@")
    if server not in ("c.us", "lid"):
        raise InvalidAnswer("the answer names no account")
    return number if server == "c.us" else ""

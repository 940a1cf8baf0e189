"""What the WhatsApp API server makes of the arguments of a request, and its one kind of error.

The wordings are the vendor's own. Only unreadable JSON is told apart by its status: all that
is wrong inside a readable body is an HTTP 500, like any exception in the server.
"""

from http import HTTPStatus
import json
import re

from .model import JsonObject

PHONE_WORDS = "phone_number must include country code and contain 8-15 digits"
MESSAGE_WORDS = "message must be a non-empty string"
LIMIT_WORDS = "limit must be an integer between 1 and 100"
_PHONE_DIGITS = range(8, 16)
_LIMITS = range(1, 101)
_NOT_A_DIGIT = re.compile(r"[^0-9]")
_JS_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
# How much of a long text V8, the JavaScript engine of Node, quotes on either side.
_QUOTED_LETTERS = 10


class ApiError(Exception):
    """An exception in the vendor's server, which becomes the answer."""

    def __init__(self, message: str | None, status: HTTPStatus = HTTPStatus.INTERNAL_SERVER_ERROR) -> None:
        """Fail with a message; None where the vendor's library throws something that has none."""
        super().__init__(message)
        self.message = message
        self.status = status


def read_body(raw: bytes) -> JsonObject:
    """Return the arguments in the body of a POST; an empty body counts as `{}`.

    What is JSON but no object has no arguments in it either. The vendor is silent about that.
    """
    text = raw.decode(errors="replace")
    if not text:
        return {}
    try:
        body = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ApiError(_words_of_node(error), HTTPStatus.BAD_REQUEST) from error
    return body if isinstance(body, dict) else {}


def phone_digits_in(arguments: JsonObject) -> str:
    """Return the digits of the number: whatever else is in the text is dropped."""
    value = arguments.get("phone_number")
    # The documentation wants a text; what a number would do is not known.
    digits = _NOT_A_DIGIT.sub("", value) if isinstance(value, str) else ""
    if len(digits) not in _PHONE_DIGITS:
        raise ApiError(PHONE_WORDS)
    return digits


def message_in(arguments: JsonObject) -> str:
    """Return the text to be sent."""
    value = arguments.get("message")
    if not isinstance(value, str) or not value:
        raise ApiError(MESSAGE_WORDS)
    return value


def limit_in(arguments: JsonObject, default: int) -> int:
    """Return how many things are wanted; nothing and zero mean the default, as in JavaScript."""
    value = arguments.get("limit")
    if value in (None, "", "0", 0, False):
        return default
    number = _number_of(value)
    if number is None or number not in _LIMITS:
        raise ApiError(LIMIT_WORDS)
    return int(number)


def _number_of(value: object) -> float | None:
    if isinstance(value, str):
        return float(value) if _JS_NUMBER.fullmatch(value := value.strip()) else None
    return float(value) if isinstance(value, int | float) else None


def _refuse_constant(word: str) -> object:
    """Refuse NaN and the like, which Python takes for JSON."""
    raise json.JSONDecodeError("Expecting value", word, 0)


def _words_of_node(error: json.JSONDecodeError) -> str:
    """Return what Node 20 says about the same text."""
    text, position = error.doc, error.pos
    if error.msg.startswith("Expecting property name"):
        return f"Expected property name or '}}' in JSON at position {position}"
    if error.msg.startswith("Expecting ':'"):
        return f"Expected ':' after property name in JSON at position {position}"
    if error.msg.startswith("Expecting ','"):
        return f"Expected ',' or '}}' after property value in JSON at position {position}"
    if error.msg == "Extra data":
        return f"Unexpected non-whitespace character after JSON at position {position}"
    if error.msg.startswith("Unterminated string"):
        return f"Unterminated string in JSON at position {len(text)}"
    if position >= len(text):
        return "Unexpected end of JSON input"
    return f"Unexpected token '{text[position]}', {_excerpt(text, position)} is not valid JSON"


def _excerpt(text: str, position: int) -> str:
    """Quote a short text as a whole, of a long one only what surrounds the position."""
    if len(text) <= 2 * _QUOTED_LETTERS:
        return f'"{text}"'
    begin, end = max(0, position - _QUOTED_LETTERS), position + _QUOTED_LETTERS
    before = "..." if begin else ""
    after = "..." if end < len(text) else ""
    return f'{before}"{text[begin:end]}"{after}'

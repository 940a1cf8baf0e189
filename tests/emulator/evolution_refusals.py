"""What Evolution API answers when it refuses: one envelope, and three kinds of message in it.

A schema's failures come as an array in an array, what controllers and services refuse as
an array, and what nobody caught as a plain text (vendor source, main.ts and exceptions).
"""

from http import HTTPStatus

from .model import JsonObject

# Python has taken up the newer name of this status.
_PHRASES = {HTTPStatus.UNPROCESSABLE_ENTITY: "Unprocessable Entity"}
# What JavaScript makes of an exception object that was to be a text.
OBJECT = "[object Object]"


class Refused(Exception):
    """The request is answered with an error."""

    def __init__(self, status: HTTPStatus, body: object) -> None:
        """Refuse with a body that is ready to be sent."""
        super().__init__(status)
        self.status = status
        self.body = body


def phrase_of(status: int) -> str:
    """Return the vendor's word for a status."""
    return _PHRASES.get(HTTPStatus(status), HTTPStatus(status).phrase)


def envelope(status: int, message: object, error: str = "") -> JsonObject:
    """Return the body that almost every error has."""
    return {"status": status, "error": error or phrase_of(status), "response": {"message": message}}


def refused(status: HTTPStatus, *messages: object) -> Refused:
    """Return a refusal by controller or service."""
    return Refused(status, envelope(status, list(messages)))


def bad(*messages: object) -> Refused:
    """Return a refusal of what was asked for."""
    return refused(HTTPStatus.BAD_REQUEST, *messages)


def against_schema(failures: list[str]) -> Refused:
    """Return a refusal of a body or query that the JSON schema does not allow."""
    return bad(failures)


def crash(text: str) -> Refused:
    """Return what becomes of an exception that nobody caught."""
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return Refused(status, envelope(status, text))


def unreadable(text: str) -> Refused:
    """Return the answer to malformed JSON: status and error do not fit together."""
    status = HTTPStatus.BAD_REQUEST
    return Refused(status, envelope(status, text, phrase_of(HTTPStatus.INTERNAL_SERVER_ERROR)))


def too_large() -> Refused:
    """Return the answer to a body above the limit, which for the vendor's server is 136 MB.

    The emulator's own limit is a little lower. The middleware that refuses is the one that
    reads JSON, so the shape is the same.
    """
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    text = "request entity too large"
    return Refused(status, envelope(status, text, phrase_of(HTTPStatus.INTERNAL_SERVER_ERROR)))


def unauthorized() -> Refused:
    """Return the answer to a missing or wrong key."""
    status = HTTPStatus.UNAUTHORIZED
    return Refused(status, envelope(status, phrase_of(status)))


def unknown_instance(name: str) -> Refused:
    """Return the answer about an instance that there is not."""
    return refused(HTTPStatus.NOT_FOUND, f'The "{name}" instance does not exist')


def caught_error(message: str) -> JsonObject:
    """Return what connect and restart answer, with status 200, after an exception."""
    return {"error": True, "message": message}

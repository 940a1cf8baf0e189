"""What WAHA answers when it refuses something.

The texts are those of the vendor source (v2024.10.8); later versions keep the framework,
NestJS, and with it the shapes.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus

from .model import JsonObject

PLUS_ONLY = "{feature} is available only in Plus version. Check this out: https://waha.devlike.pro/"
SESSION_NOT_FOUND = "Session not found"
NOT_IMPLEMENTED = "The method is not implemented by the engine."
_NOT_RUNNING = (
    "We didn't find a session with name '{name}'.\n"
    "Please start it first by using POST /api/sessions/{name}/start request"
)
_ONLY_DEFAULT = (
    "WAHA Core support only 'default' session. If you want to run more then one WhatsApp account - please get WAHA PLUS"
)
_WRONG_STATUS = "Session status is not as expected. Try again later or restart the session"
_NO_STORE = (
    'Enable NOWEB store "config.noweb.store.enabled=True" and "config.noweb.store.full_sync=True" '
    "when starting a new session. Read more: https://waha.devlike.pro/docs/engines/noweb#store"
)
# NestJS has its own name for this one; Python has taken up a newer one.
_PHRASES = {HTTPStatus.UNPROCESSABLE_ENTITY: "Unprocessable Entity"}


class Refused(Exception):
    """The request is answered with an error."""

    def __init__(self, status: HTTPStatus, body: JsonObject) -> None:
        """Refuse with this status and body."""
        super().__init__(status)
        self.status = status
        self.body = body


class EngineFailed(Exception):
    """The engine threw an exception: status 500, and the request is echoed."""


def refused(status: HTTPStatus, message: str) -> Refused:
    """Return a refusal in the shape that NestJS gives to its exceptions."""
    phrase = _PHRASES.get(status, status.phrase)
    return Refused(status, {"message": message, "error": phrase, "statusCode": status.value})


def invalid(complaints: Iterable[str]) -> Refused:
    """Return the refusal of fields that are missing or wrong: all of them at once."""
    status = HTTPStatus.BAD_REQUEST
    return Refused(status, {"statusCode": status.value, "message": list(complaints), "error": status.phrase})


def unauthorized() -> Refused:
    """Return the refusal of a wrong or missing key."""
    status = HTTPStatus.UNAUTHORIZED
    return Refused(status, {"message": "Unauthorized", "statusCode": status.value})


def forbidden() -> Refused:
    """Return the refusal of a key that is for another session.

    The vendor docs, page security, have no body; this is what NestJS makes by itself.
    """
    return refused(HTTPStatus.FORBIDDEN, "Forbidden resource")


def unprocessable(message: str) -> Refused:
    """Return status 422 with a sentence."""
    return refused(HTTPStatus.UNPROCESSABLE_ENTITY, message)


def session_not_found() -> Refused:
    """Return what calls about the session itself answer if there is none."""
    return refused(HTTPStatus.NOT_FOUND, SESSION_NOT_FOUND)


def not_running(name: str) -> Refused:
    """Return what calls that use a session answer if it is not running, or there is none."""
    return refused(HTTPStatus.NOT_FOUND, _NOT_RUNNING.format(name=name))


def only_default() -> Refused:
    """Return what WAHA Core said, before 2026.6.1, about any session but one."""
    return unprocessable(_ONLY_DEFAULT)


def no_store() -> Refused:
    """Return what engine NOWEB says to lookups while its store is off."""
    return refused(HTTPStatus.BAD_REQUEST, _NO_STORE)


def wrong_status(session: str, status: str, expected: Iterable[str]) -> Refused:
    """Return what is answered when a session had the wrong status for 5 s."""
    body = {"error": _WRONG_STATUS, "session": session, "status": status, "expected": list(expected)}
    return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, body)


def body_of_status(status: int, session: str) -> JsonObject:
    """Return the body of an error that is known by its status only."""
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return unauthorized().body
        case HTTPStatus.FORBIDDEN:
            return forbidden().body
        case HTTPStatus.NOT_FOUND:
            return session_not_found().body
        case HTTPStatus.UNPROCESSABLE_ENTITY:
            return wrong_status(session, "FAILED", ["WORKING"]).body
    # What NestJS makes of an exception without a text. Neither 409 nor 429 is documented.
    return {"statusCode": status, "message": HTTPStatus(status).phrase}


def crash(message: str, request: JsonObject, environment: Mapping[str, object]) -> JsonObject:
    """Return the body of status 500, which echoes the request with all that was in it."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    stack = f"Error: {message}\n    at WhatsappSession (/app/dist/core/abc/session.abc.js:1:1)"
    return {
        "statusCode": HTTPStatus.INTERNAL_SERVER_ERROR.value,
        "timestamp": now,
        "exception": {"stack": stack, "message": message, "name": "Error"},
        "request": request,
        "version": {name: environment[name] for name in ("version", "engine", "tier", "browser")},
    }

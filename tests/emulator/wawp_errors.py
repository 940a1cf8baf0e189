"""What Wawp answers when it refuses something."""

from http import HTTPStatus
from xml.sax.saxutils import escape

from aiohttp import web

from .model import JsonObject

# The vendor docs have the codes of the first two, and the words of the first and the third.
_UNAUTHORIZED = ("invalid_access_token", "Unauthorized - Invalid or Missing Access Token")
_INVALID_INSTANCE = ("invalid_instance", "Instance not found")
_STATUS_NOT_EXPECTED = ("session_status_not_expected", "Session Status Not Expected")
# Observed, with status 200 as well as 5xx; the words are made up.
UPSTREAM_ERROR = ("wawp_upstream_error", "The WhatsApp engine could not complete the request")

_BY_STATUS = {
    HTTPStatus.UNAUTHORIZED: _UNAUTHORIZED,
    HTTPStatus.NOT_FOUND: _INVALID_INSTANCE,
    HTTPStatus.UNPROCESSABLE_ENTITY: _STATUS_NOT_EXPECTED,
}


class Refused(Exception):
    """The request is answered with an error."""

    def __init__(self, status: int, code: str, message: str, body: JsonObject | None = None) -> None:
        """Refuse with the vendor's word for the reason, and a sentence.

        Args:
            status: HTTP status of the answer.
            code: The vendor's word.
            message: The sentence.
            body: What is answered in place of these two.

        """
        super().__init__(message)
        self.status = status
        self._code = code
        self._message = message
        self._body = body or {"code": code, "message": message}

    def answer(self, form: str = "json") -> web.Response:
        """Return the answer in one of the forms that the vendor docs have.

        What the XML looks like is not shown there.
        """
        if form == "xml":
            text = f"<error><code>{escape(self._code)}</code><message>{escape(self._message)}</message></error>"
            return web.Response(status=self.status, text=text, content_type="application/xml")
        if form == "text":
            return web.Response(status=self.status, text=self._message)
        return web.json_response(self._body, status=self.status)


def missing_param(names: str) -> Refused:
    """Return the refusal of a request that lacks something (vendor docs)."""
    message = f"Missing Required Parameter(s): {names}"
    return Refused(HTTPStatus.BAD_REQUEST, "missing_param", message)


def invalid_param(names: str) -> Refused:
    """Return the refusal of a wrong value.

    The vendor docs have no error for this. The errors they do have are shaped like those
    of WordPress, on which the vendor's first API runs, so this is WordPress's own.
    """
    return Refused(HTTPStatus.BAD_REQUEST, "rest_invalid_param", f"Invalid parameter(s): {names}")


def error_of_status(status: int) -> Refused:
    """Return the refusal with this status; those without documentation get HTTP's own words."""
    phrase = HTTPStatus(status).phrase
    undocumented = (phrase.lower().replace(" ", "_"), phrase)
    return Refused(status, *_BY_STATUS.get(HTTPStatus(status), undocumented))


def status_not_expected(session: str, state: str, expected: str, *, as_engine: bool) -> Refused:
    """Return the refusal of what the session is not in the state for.

    Vendor docs, page auth/qr-image: status 422 and the words, but no body. The other form
    is that of the engine underneath, which Wawp may as well pass on.
    """
    body = {
        "error": "Session status is not as expected. Try again later or restart the session",
        "session": session,
        "status": state,
        "expected": [expected],
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return Refused(status, *_STATUS_NOT_EXPECTED, body if as_engine else None)

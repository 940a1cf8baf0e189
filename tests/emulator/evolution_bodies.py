"""Bodies of requests to Evolution API: JSON, forms, and forms with a file."""

from collections.abc import Iterable
from dataclasses import dataclass
import json
import re
from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, web

from .evolution_refusals import Refused, crash, too_large, unreadable
from .model import JsonObject

_FORM = "application/x-www-form-urlencoded"
_FORM_WITH_FILE = "multipart/form-data"
# Where the one file of a form is expected.
_FILE_FIELD = "file"


@dataclass(frozen=True)
class Upload:
    """A file that came in a form."""

    content: bytes
    mime_type: str
    # "" if the form has none.
    name: str


async def read_body(request: web.Request) -> JsonObject:
    """Read the body before anything else, as the server's middleware does.

    What is announced as something else than JSON or a form is not looked at.
    """
    if request.content_type not in (_FORM, "application/json") or not request.can_read_body:
        return {}
    try:
        raw = await request.text()
    except web.HTTPRequestEntityTooLarge as error:
        raise too_large() from error
    if not raw:
        return {}
    if request.content_type == _FORM:
        return _as_object(parse_qsl(raw, keep_blank_values=True))
    return _parsed(raw)


def _parsed(raw: str) -> JsonObject:
    """Parse JSON. A list is no body, so all that is required is missing in it."""
    try:
        body = json.loads(raw)
    except json.JSONDecodeError as error:
        raise _malformed(raw, error.pos) from error
    if not isinstance(body, dict | list):
        # The parser is strict: only objects and lists are documents.
        raise _malformed(raw, 0)
    return body if isinstance(body, dict) else {}


def _malformed(raw: str, position: int) -> Refused:
    """Return the refusal of a text, in the words of JavaScript's parser."""
    if position >= len(raw.rstrip()):
        return unreadable("Unexpected end of JSON input")
    return unreadable(f"Unexpected token '{raw[position]}', \"{raw}\" is not valid JSON")


async def read_form(request: web.Request) -> tuple[JsonObject, Upload | None] | None:
    """Read a form with a file, None if the body is none.

    Only calls that take a file do so, after the guards. All values in it are texts, so the
    schemas let no number, boolean or list pass that comes in this way.
    """
    if request.content_type != _FORM_WITH_FILE:
        return None
    try:
        return await _read_parts(request)
    except ValueError as error:
        # In the words of the parser that the server uses.
        raise crash("Unexpected end of form") from error


async def _read_parts(request: web.Request) -> tuple[JsonObject, Upload | None]:
    upload: Upload | None = None
    fields: list[tuple[str, str]] = []
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader) or part.name is None:
            continue
        content = bytes(await part.read(decode=True))
        if part.filename is None:
            fields.append((part.name, content.decode()))
        elif part.name == _FILE_FIELD and upload is None:
            upload = Upload(content, part.headers.get("Content-Type", ""), part.filename)
        else:
            raise crash("Unexpected field")
    return _as_object(fields), upload


def _as_object(pairs: Iterable[tuple[str, str]]) -> JsonObject:
    """Make an object of a form: `quoted[key][id]` is found inside, `mentioned[]` is a list."""
    found: JsonObject = {}
    for name, value in pairs:
        way = re.findall(r"[^\[\]]+", name)
        if not way:
            continue
        inside = found
        for step in way[:-1]:
            if not isinstance(inside.get(step), dict):
                inside[step] = {}
            inside = inside[step]
        if name.endswith("[]"):
            before = inside.get(way[-1])
            inside[way[-1]] = [*before, value] if isinstance(before, list) else [value]
        else:
            inside[way[-1]] = value
    return found

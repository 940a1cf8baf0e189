"""WAHA's calls about sessions (vendor docs, page sessions; vendor OpenAPI)."""

import re

from aiohttp import hdrs

from .waha_checks import Fields, config_in
from .waha_errors import unprocessable
from .waha_house import DEFAULT_SESSION, Call, Route, route
from .waha_instance import WahaInstance
from .waha_messages import ulid
from .waha_shapes import me, profile, session, session_details, session_info

# Not documented. Names are part of paths.
_NAME = re.compile(r"[A-Za-z0-9_-]+")
# Vendor source: stopping does not answer before the engine had time to end.
_STOP_SECONDS = 3


def session_routes() -> list[Route]:
    """Return all routes. The old ones have the session in the body."""
    get, post, put, delete = hdrs.METH_GET, hdrs.METH_POST, hdrs.METH_PUT, hdrs.METH_DELETE
    return [
        route("sessions", get, "/api/sessions", _list),
        route("sessions/create", post, "/api/sessions", _create),
        route("sessions/start", post, "/api/sessions/start", _old_start),
        route("sessions/stop", post, "/api/sessions/stop", _old_stop),
        route("sessions/logout", post, "/api/sessions/logout", _old_logout),
        route("session", get, "/api/sessions/{session}", _get),
        route("session/update", put, "/api/sessions/{session}", _update),
        route("session/delete", delete, "/api/sessions/{session}", _delete),
        route("session/start", post, "/api/sessions/{session}/start", _start),
        route("session/stop", post, "/api/sessions/{session}/stop", _stop),
        route("session/restart", post, "/api/sessions/{session}/restart", _restart),
        route("session/logout", post, "/api/sessions/{session}/logout", _logout),
        route("session/me", get, "/api/sessions/{session}/me", _me),
        route("profile", get, "/api/{session}/profile", _profile),
    ]


def _named(call: Call) -> WahaInstance:
    return call.existing(call.parts["session"])


def _apps_wanted(call: Call) -> bool:
    return "apps" in call.request.query.getall("expand", [])


async def _list(call: Call) -> object:
    """Without `all`, those that are stopped are not shown."""
    query = call.query
    everything = query.flag("all", False)
    query.check()
    return [
        session_info(each, apps=_apps_wanted(call))
        for each in call.house.sessions.values()
        if call.scope in ("", each.id) and (everything or each.state != "STOPPED")
    ]


async def _create(call: Call) -> object:
    """Create, and start unless told not to."""
    fields = Fields(call.body)
    name = fields.text("name", "") or f"session_{ulid()}"
    if not _NAME.fullmatch(name):
        fields.complain("name", "must contain letters, digits, hyphens and underscores only")
    start = fields.flag("start", True)
    config = config_in(fields)
    fields.check()
    call.check_scope(name)
    if name in call.house.sessions:
        raise unprocessable(f"Session '{name}' already exists. Use PUT to update it.")
    created = call.house.create(name, config)
    if start:
        created.start()
    return session(created)


async def _get(call: Call) -> object:
    return session_details(_named(call), apps=_apps_wanted(call))


async def _update(call: Call) -> object:
    """Replace the whole configuration; what is not given is gone."""
    instance = _named(call)
    fields = Fields(call.body)
    config = config_in(fields)
    fields.check()
    instance.configure(config or {})
    return session(instance)


async def _delete(call: Call) -> None:
    """Stop, log out and delete. Nothing is wrong with a session that is not there."""
    name = call.parts["session"]
    call.check_scope(name)
    if instance := call.house.sessions.get(name):
        call.house.remove(instance)


async def _start(call: Call) -> object:
    instance = _named(call)
    instance.start()
    return session(instance)


async def _stop(call: Call) -> object:
    """Stop. Vendor source: an unknown session is answered with success and no body."""
    name = call.parts["session"]
    call.check_scope(name)
    if (instance := call.house.sessions.get(name)) is None:
        return None
    await _stop_slowly(call, instance)
    return session(instance)


async def _stop_slowly(call: Call, instance: WahaInstance) -> None:
    if instance.state != "STOPPED":
        instance.stop()
        await call.house.world.clock.sleep(_STOP_SECONDS)


async def _restart(call: Call) -> object:
    instance = _named(call)
    instance.restart()
    return session(instance)


async def _logout(call: Call) -> object:
    instance = _named(call)
    instance.log_out()
    return session(instance)


async def _me(call: Call) -> object:
    """Return the account; nothing at all while there is none."""
    return me(call.running(call.parts["session"]))


async def _profile(call: Call) -> object:
    return profile(await call.working(call.parts["session"]))


# The old calls


def _name_in_body(call: Call) -> str:
    fields = Fields(call.body)
    name = fields.text("name", DEFAULT_SESSION)
    fields.check()
    call.check_scope(name)
    return name


async def _old_start(call: Call) -> object:
    """Start, and create first what is not there."""
    name = _name_in_body(call)
    fields = Fields(call.body)
    config = config_in(fields)
    fields.check()
    instance = call.house.sessions.get(name) or call.house.create(name, config)
    if instance.state != "STOPPED":
        raise unprocessable(f"Session '{name}' is already started.")
    instance.config = instance.config if config is None else config
    instance.start()
    return session(instance)


async def _old_stop(call: Call) -> None:
    instance = call.house.sessions.get(_name_in_body(call))
    fields = Fields(call.body)
    logout = fields.flag("logout", False)
    fields.check()
    if instance is None:
        return
    await _stop_slowly(call, instance)
    if logout:
        instance.log_out()


async def _old_logout(call: Call) -> None:
    call.existing(_name_in_body(call)).log_out()

"""What those have in common who find out what happened by looking, chat by chat."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
import logging

from .errors import CannotReach, InstanceNotFound, InvalidAnswer, Refused

_LOGGER = logging.getLogger(__name__)


async def each_readable[Chat, News](
    chats: Iterable[Chat], read: Callable[[Chat], Awaitable[News]]
) -> AsyncGenerator[tuple[Chat, News]]:
    """Yield each chat, and what is read of it. One that cannot be read does not stand in the way of the others.

    It is passed over, to be met again at the next look. Raises CannotReach at the end if that kept it from being read,
    and what else `read` raises at once: that is about all of them.
    """
    failure: CannotReach | None = None
    for chat in chats:
        try:
            news = await read(chat)
        except (InstanceNotFound, InvalidAnswer, Refused) as error:
            _LOGGER.debug("A chat is passed over: %s", error)
        except CannotReach as error:
            _LOGGER.debug("A chat is passed over: %s", error)
            failure = error
        else:
            yield chat, news
    if failure:
        raise failure

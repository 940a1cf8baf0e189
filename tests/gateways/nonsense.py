"""Calls to webhooks with nonsense in them, made up quickly enough for ten thousand of them."""

import json
import os
from typing import Any

from hypothesis import strategies as st

# What no vendor expects anywhere, as JSON.
_VALUES = ["null", "true", "false", "0", "-1", "1e300", "NaN", "1" * 400, '""', r'"\ud800"', r'"\u0000"']
_VALUES += ["[]", "[[]]", "[null]", "{}", '{"": {}}', '{"id": []}', '{"id": "x", "key": 1}', '["x", {}]']

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "1000"))
"""How much is tried with each parser; FUZZ_EXAMPLES=10000 takes its time."""

type Places = list[tuple[int, int]]

ANY_BYTES = st.binary(max_size=64) | st.text(alphabet='{}[]:,"\\eE0123.-tru', max_size=32).map(str.encode)
"""What may not even be JSON."""


class Nonsense:
    """Values to put into the right calls: nonsense, and what is right in another place."""

    def __init__(self, shapes: list[Any]) -> None:
        """Take what is in the right calls."""
        self._values = _VALUES + [json.dumps(word) for word in sorted(_words_in(shapes))]
        self.places = st.lists(
            st.tuples(st.integers(0, 1000), st.integers(0, len(self._values) - 1)), min_size=1, max_size=4
        )

    def put_into(self, body: bytes, places: Places) -> bytes:
        """Return a body with something else in some places: their numbers, and the numbers of what is put there."""
        content = json.loads(body)
        for number, value in places:
            found = _places_in(content)
            within, key = found[number % len(found)]
            within[key] = json.loads(self._values[value])
        return json.dumps(content).encode()


def _words_in(content: Any) -> set[str]:
    """Return every name and text."""
    if isinstance(content, dict):
        return set(content) | _words_in(list(content.values()))
    if isinstance(content, list):
        return {word for item in content for word in _words_in(item)}
    return {content} if isinstance(content, str) else set()


def _places_in(content: Any) -> list[tuple[Any, Any]]:
    """Return every place that holds something: what it is in, and its key or index there."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [place for key, value in items for place in ((content, key), *_places_in(value))]

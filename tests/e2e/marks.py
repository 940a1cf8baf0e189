"""What is private in a session, so that it is recognised wherever it is written down."""

import itertools
import re

# What is between other signs is written in the same way everywhere: in JSON, in an address, in a log.
_PLAIN = re.compile(r"[A-Za-z0-9._-]+")


class Marks:
    """Texts, each under a name that says what it is."""

    def __init__(self) -> None:
        """Begin with none."""
        self._texts: dict[str, str] = {}
        self._numbers = itertools.count(1)

    def note(self, name: str, text: str) -> str:
        """Recognise a text from now on, by its longest plain part, and return it."""
        self._texts[name] = max(_PLAIN.findall(text), key=len)
        return text

    def make(self, name: str) -> str:
        """Return a text made up for this, which is recognised from now on."""
        return self.note(name, f"zq{next(self._numbers):03d}marked")

    def found_in(self, content: str) -> set[str]:
        """Return the names of all that a text holds."""
        return {name for name, text in self._texts.items() if text in content}

"""Test double of the vendors' servers and of the phones, over real HTTP.

It is written from the vendors' documentation and shares no code with the client library,
so that one misreading cannot hide in both.
"""

from .emulator import Emulator

__all__ = ["Emulator"]

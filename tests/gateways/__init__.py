"""The clients of the gateways: against the emulator, and against servers that misbehave."""

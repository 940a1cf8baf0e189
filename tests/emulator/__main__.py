"""Run the emulator on its own: `python -m tests.emulator`."""

import argparse
import asyncio
import signal
import sys

from . import Emulator


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.emulator",
        description="Emulates the gateways' servers and the phones.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8700, help="port to listen on, 0 for a free one")
    parser.add_argument(
        "--time-scale",
        type=float,
        default=1.0,
        help="0.1 makes every vendor timer ten times faster",
    )
    arguments = parser.parse_args()
    if arguments.time_scale <= 0:
        parser.error("--time-scale must be greater than 0")
    return arguments


async def _run(arguments: argparse.Namespace) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with Emulator(host=arguments.host, port=arguments.port, time_scale=arguments.time_scale) as emulator:
        sys.stdout.write(f"emulator ready on {emulator.url}\n")
        sys.stdout.flush()
        await ended.wait()


def main() -> int:
    """Run until a signal ends it."""
    arguments = _arguments()
    try:
        asyncio.run(_run(arguments))
    except OSError as error:
        sys.stderr.write(f"The emulator cannot listen: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

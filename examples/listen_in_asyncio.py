"""Hear a source inside an asyncio program, beside its other tasks.

python examples/listen_in_asyncio.py room.wav "a dog barking" "a door closing"
"""

import asyncio
import sys

import elsa_rt


async def hear(source: str, prompts: list[str]) -> None:
    """Print what is heard, as it is heard."""
    async for hearing in elsa_rt.Listener(prompts, source):
        for alert in hearing.alerts:
            print(f"{alert.time_s:.1f} s  {alert.state}  {alert.prompt}")


async def count() -> None:
    """Stand for whatever else the program does."""
    while True:
        await asyncio.sleep(1)


async def main(source: str, prompts: list[str]) -> None:
    """Hear until the source ends, and count meanwhile."""
    counting = asyncio.create_task(count())
    await hear(source, prompts)
    counting.cancel()


if len(sys.argv) < 3:
    sys.exit(__doc__)
asyncio.run(main(sys.argv[1], sys.argv[2:]))

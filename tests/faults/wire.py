"""A wire between the product and one of its servers: `python wire.py HERE THERE`, unix sockets.

It is a process, so that cutting a network is to kill it and silence is to stop it.
"""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

AT_ONCE = 65536


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(AT_ONCE):
            writer.write(data)
            await writer.drain()
    writer.close()


async def run(here: str, there: str) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_unix_connection(there)
        except OSError:
            writer.close()
            return
        await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer))

    Path(here).unlink(missing_ok=True)
    server = await asyncio.start_unix_server(connected, here, backlog=200)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:3]))

"""Relay connections to a PostgreSQL server, and count the bytes that the server sends.

    byte_relay.py FOLDER PORT TARGET COUNT

Listen on the socket .s.PGSQL.PORT in FOLDER, connect to the socket TARGET for each connection, and
keep the number of bytes in the first 8 bytes of the file COUNT, least significant byte first.
"""
import asyncio
import mmap
import struct
import sys
from pathlib import Path

folder, port, target, count = sys.argv[1:]
Path(count).write_bytes(bytes(8))
with open(count, 'r+b') as file:
    sent = mmap.mmap(file.fileno(), 8)


async def copy(reader, writer, counts):
    try:
        while data := await reader.read(1 << 20):
            if counts:
                struct.pack_into('<Q', sent, 0, struct.unpack_from('<Q', sent)[0] + len(data))
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


async def relay(reader, writer):
    try:
        to_reader, to_writer = await asyncio.open_unix_connection(target)
    except OSError:
        writer.close()
        return
    await asyncio.gather(copy(reader, to_writer, False), copy(to_reader, writer, True))


async def main():
    server = await asyncio.start_unix_server(relay, f'{folder}/.s.PGSQL.{port}')
    await server.serve_forever()

asyncio.run(main())

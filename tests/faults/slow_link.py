"""A link that can be made slow: what comes to one address is passed on to another.

    slow_link.py LISTEN TARGET [LISTEN TARGET]...       each 10.77.0.1:5432

A line on standard input says how from now on: "fast", or "slow DELAY BYTES": each piece of at most so many bytes waits
for so many seconds. Ends with its standard input.
"""
import asyncio
import os
import sys

PIECE = 65536


class SlowLink:
    def __init__(self):
        self.delay, self.piece = 0.0, PIECE
        self.carrying = set()  # tasks, which nobody else keeps

    def obey(self, line):
        words = line.split()
        self.delay, self.piece = (float(words[1]), int(words[2])) if words[0] == "slow" else (0.0, PIECE)

    async def pump(self, reader, writer):
        try:
            while data := await reader.read(self.piece):
                if self.delay:
                    await asyncio.sleep(self.delay)  # the link is slow
                writer.write(data)
                await writer.drain()
            writer.write_eof()
        except OSError:
            writer.transport.abort()

    def begin(self, target):
        def take(reader, writer):
            task = asyncio.ensure_future(self.carry(target, reader, writer))
            self.carrying.add(task)
            task.add_done_callback(self.carrying.discard)
        return take

    async def carry(self, target, reader, writer):
        host, port = target.rsplit(":", 1)
        try:
            onward_reader, onward = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(self.pump(reader, onward), self.pump(onward_reader, writer))
        for each in (writer, onward):
            each.close()


async def main():
    link = SlowLink()
    for listen, target in zip(sys.argv[1::2], sys.argv[2::2]):
        host, port = listen.rsplit(":", 1)
        await asyncio.start_server(link.begin(target), host, int(port))
    print("ready", flush=True)
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():
        link.obey(line.decode())
    os._exit(0)  # with all that is under way


if __name__ == "__main__":
    asyncio.run(main())

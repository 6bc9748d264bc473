"""A reader of GET /v1/stream."""
import json
import socket


class Stream:
    """Messages of a stream, as (id, event, data); comments are skipped."""

    def __init__(self, port, query="", last_id=None, timeout=30.0):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.settimeout(timeout)
        head = f"GET /v1/stream{query} HTTP/1.1\r\nHost: localhost:{port}\r\nAccept: text/event-stream\r\n"
        if last_id is not None:
            head += f"Last-Event-ID: {last_id}\r\n"
        self.socket.sendall((head + "\r\n").encode())
        self.file = self.socket.makefile("rb", buffering=1 << 16)
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        while line := self.file.readline().strip():
            name, _, value = line.decode().partition(":")
            self.headers[name.lower()] = value.strip()
        self.chunked = self.headers.get("transfer-encoding") == "chunked"

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _lines(self):
        """Lines of the body, whatever the chunks that they came in."""
        rest = b""
        while True:
            if not self.chunked:
                part = self.file.readline()
            else:
                size = self.file.readline().split(b";")[0].strip()
                part = self.file.read(int(size, 16)) if size else b""
                self.file.readline()
            if not part:
                return
            rest += part
            *whole, rest = rest.split(b"\n")
            yield from whole

    def __iter__(self):
        """Until the node ends the stream; a time without anything raises TimeoutError."""
        fields = {}
        for line in self._lines():
            line = line.rstrip(b"\r")
            if not line:
                if "data" in fields:
                    yield fields.get("id"), fields.get("event", "message"), json.loads(fields["data"])
                fields = {}
            elif not line.startswith(b":"):
                name, _, value = line.decode().partition(":")
                fields[name] = value.removeprefix(" ")

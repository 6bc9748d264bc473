"""A program that publishes to a node which is killed and started again, for kill_loop_test.py.

    publisher.py PORT_FILE RECORD_FILE NAME SEED KEYS

Publishes single events and batches, one request after the other, each again and again until it is acknowledged.
PORT_FILE says where the node listens; it is read again after each failure. The record gets a line before a first
attempt, "submit ID", and one for each acknowledgement, "ack ID EVENT DUPLICATE". Ends, after the acknowledgement
of its last request, when its standard input does.
"""
import os
import random
import select
import sys
import time

from support import Client, event


class Publisher:
    def __init__(self, port_file, record_file, name, seed, keys):
        self.port_file = port_file
        self.record = os.open(record_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self.name = name
        self.random = random.Random(f"{seed}/{name}")
        self.keys = keys
        self.made = 0
        self.client = None

    def make(self):
        self.made += 1
        kind = self.random.choice(["test.work", "test.work", "test.both", "test.echo"])
        data = {"n": self.made}
        if kind != "test.echo":
            data["emit"] = 1
            data["work"] = 0.002 if self.random.random() < 0.2 else 0
        return event(f"{self.name}-{self.made}", f"k{self.random.randrange(self.keys)}", kind, "/publisher", data)

    def request(self):
        if self.random.random() < 0.4:
            return self.make()
        return [self.make() for _ in range(self.random.randrange(2, 15))]

    def note(self, lines):
        os.write(self.record, "".join(line + "\n" for line in lines).encode())

    def attempt(self, offered):
        """Whether all of it was acknowledged."""
        try:
            if self.client is None:
                with open(self.port_file, encoding="ascii") as file:
                    self.client = Client(int(file.read()), timeout=10.0)
            answer = self.client.publish(offered)
        except (OSError, ValueError):  # no node, or one that died in the middle of it
            answer = None
        except Exception as problem:  # noqa: BLE001  (http.client's own, which are of many kinds)
            if type(problem).__module__ != "http.client":
                raise
            answer = None
        if answer is None:
            if self.client:
                self.client.close()
            self.client = None
            return False
        if answer.status == 202:
            self.note(f"ack {each['id']} {each['event']} {int(each['duplicate'])}" for each in answer.json()["accepted"])
            return True
        if answer.status not in (429, 500, 503):
            self.note([f"refused {answer.status} {answer.body!r}"])
            sys.exit(1)
        return False

    def run(self):
        while not select.select([sys.stdin], [], [], 0)[0]:
            offered = self.request()
            self.note(f"submit {each['id']}" for each in (offered if isinstance(offered, list) else [offered]))
            while not self.attempt(offered):
                time.sleep(0.002)  # between two attempts


if __name__ == "__main__":
    Publisher(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5])).run()

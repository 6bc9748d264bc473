"""Nodes that know each other: two real ones, set up by the commands a person would type, and programs in another
language that speak the brokers' protocol, as they should and as they should not.
"""
import os
import re
import socket
import stat
import sys
import time

import support
from support import skein, until

try:
    import msgpack
    import zmq
except ImportError:
    SYSTEMS = "/usr/bin/python3"  # which the system's packages are for, where another one comes first
    if os.path.realpath(sys.executable) != os.path.realpath(SYSTEMS) and os.path.exists(SYSTEMS):
        os.execv(SYSTEMS, [SYSTEMS, *sys.argv])
    print("python3-zmq or python3-msgpack is not installed", file=sys.stderr)
    sys.exit(77)

HELLO, WELCOME, CREDIT, QUERY = 0, 1, 4, 11  # kinds of messages
VERSION = 3


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def key_pair():
    """Public and secret, the public one no option to a command line, as `skein peer create` makes them."""
    while True:
        public, secret = (key.decode() for key in zmq.curve_keypair())
        if not public.startswith("-"):
            return public, secret


def frame(kind, sender, target, number, *members, version=VERSION):
    boots = [0, 0] if version > 2 else []
    return msgpack.packb([version, kind, *sender, *target, number, *boots, *members])


def unframe(bytes_):
    """Version, kind, from node, from name, to node, to name, number, and the message's members."""
    version, *rest = msgpack.unpackb(bytes_)
    return [version, *rest[:6], *rest[8 if version > 2 else 6:]]


class Foreign:
    """A node that is a Python program: a ROUTER that others connect to, a DEALER to the node."""

    def __init__(self, test, name, boot=0xb007):
        self.name, self.boot, self.number = name, boot, 0
        self.public, self.secret = key_pair()
        self.context = zmq.Context()
        self.context.linger = 0
        test.addCleanup(self.close)
        self.server = self.context.socket(zmq.ROUTER)
        self.server.curve_server, self.server.curve_secretkey = True, self.secret.encode()
        self.port = self.server.bind_to_random_port("tcp://127.0.0.1")
        self.seen = set()  # versions of hellos
        self.dealers = []

    def close(self):
        for each in (self.server, *self.dealers):
            each.close(0)
        self.context.term()

    def connect(self, address, key, routing_id=None, encrypted=True):
        dealer = self.context.socket(zmq.DEALER)
        self.dealers.append(dealer)
        dealer.routing_id = (routing_id or f"{self.name}.{self.boot:x}.1").encode()
        if encrypted:
            dealer.curve_serverkey = key.encode()
            dealer.curve_publickey, dealer.curve_secretkey = self.public.encode(), self.secret.encode()
        dealer.connect(address)
        return dealer

    def hello(self, dealer, node, version=VERSION):
        self.number += 1
        members = [self.boot] + ([2, VERSION] if version > 2 else [])
        dealer.send(frame(HELLO, (self.name, "broker"), (node, "broker"), self.number, *members, version=version))

    def greet(self, dealer, node, version=VERSION):
        """Until it is welcomed, anew; the welcome."""
        while dealer.poll(0):
            dealer.recv()

        def tried():
            self.hello(dealer, node, version)
            return dealer.poll(200)
        until(tried, 20, "a welcome")
        return unframe(dealer.recv())

    def welcome_one(self, versions=(VERSION,)):
        """Answers a hello that came, if it is of a version that this program speaks."""
        if not self.server.poll(100):
            return
        routing_id, bytes_ = self.server.recv_multipart()
        version, kind, from_node, from_name, to_node, to_name, number, *members = unframe(bytes_)
        self.seen.add(version)
        if kind == HELLO and version in versions:
            said = [self.boot] + ([min(versions), max(versions)] if version > 2 else [])
            self.server.send_multipart([routing_id, frame(WELCOME, (to_node, to_name), (from_node, from_name), number,
                                                          *said, version=version)])


class Peers(support.SystemTest):
    def config(self, *nodes):
        return "".join(f'[[node]]\nname = "{name}"\nhttp = "127.0.0.1:0"\nbroker = "{broker}"\ndata = "{name}"\n'
                       for name, broker in nodes)

    def prepared(self, config, name):
        """A node with its keys made, and its public key."""
        node = self.unstarted(config, arguments=["--node", name])
        node.verb = "start"
        made = skein("peer", "create", "--data", node.data)
        self.assertEqual(made.returncode, 0, made.stderr)
        return node, made.stdout.strip()

    def allow(self, node, name, key):
        done = skein("peer", "allow", name, key, "--data", node.data)
        self.assertEqual(done.returncode, 0, done.stderr)

    def peers(self, client):
        answer = client.get("/v1/peers")
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def row(self, client, name):
        return next((each for each in self.peers(client)["peers"] if each["peer"] == name), {})

    def is_up(self, client, name):
        row = self.row(client, name)
        return row if row.get("state") == "up" and row["heard"] else None

    def node_and_foreign(self, boot=0xb007):
        """A started node n1 that allows the program n2 and knows where it is; the program, client and address."""
        foreign = Foreign(self, "n2", boot)
        node, key = self.prepared(self.config(("n1", "tcp://127.0.0.1:0"),
                                              ("n2", f"tcp://127.0.0.1:{foreign.port}")), "n1")
        self.allow(node, "n2", foreign.public)
        node.start()
        client = self.client(node)
        return node, foreign, client, self.peers(client)["address"], key

    def test_two_nodes_that_allow_each_other_are_up_and_a_restart_is_seen(self):
        config = self.config(*((name, f"tcp://127.0.0.1:{free_port()}") for name in ("n1", "n2")))
        (one, key_one), (two, key_two) = self.prepared(config, "n1"), self.prepared(config, "n2")
        self.allow(one, "n2", key_two)
        self.allow(two, "n1", key_one)
        one.start()
        two.start()
        client = self.client(one)
        before = until(lambda: self.is_up(client, "n2"), 30, "n2 up")
        until(lambda: self.is_up(self.client(two), "n1"), 30, "n1 up")
        self.assertEqual((before["version"], before["speaks"]), (VERSION, [2, VERSION]))
        table = skein("peer", "list", "--server", one.url)
        self.assertIn("n2\tup", table.stdout, table)
        two.kill()
        until(lambda: self.row(client, "n2")["state"] == "down", 30, "n2 down")
        two.start()
        after = until(lambda: self.is_up(client, "n2"), 30, "n2 up again")
        self.assertNotEqual(after["boot"], before["boot"])
        self.assertIn("peer-down", one.log())

    def test_what_must_not_get_in_is_refused_by_name_while_the_node_goes_on(self):
        node, foreign, client, address, key = self.node_and_foreign()
        good = foreign.connect(address, key)
        welcome = foreign.greet(good, "n1")
        self.assertEqual(welcome[:6], [VERSION, WELCOME, "n1", "broker", "n2", "broker"])
        self.assertEqual(f"{welcome[7]:016x}", self.peers(client)["boot"])
        sender, loop = ("n2", "gateway"), ("n1", "loop/0")

        def refused(reason):
            return self.peers(client)["refused"][reason]

        def check(reason, provoke):
            before = refused(reason)
            provoke()
            until(lambda: refused(reason) > before, 20, f"a refusal: {reason}")
            page = client.get("/metrics").body.decode()
            self.assertRegex(page, rf'skein_peer_refused_total{{reason="{reason}"}} [1-9]')
            foreign.greet(good, "n1")  # who may speak goes on

        thief = Foreign(self, "n2")
        check("unknown-key", lambda: foreign.hello(thief.connect(address, key), "n1"))
        check("handshake", lambda: foreign.hello(foreign.connect(address, key, encrypted=False), "n1"))
        check("wrong-identity", lambda: foreign.hello(foreign.connect(address, key, "n9.1"), "n1"))
        check("not-greeted", lambda: foreign.connect(address, key, "n2.b007.2").send(
            frame(QUERY, sender, loop, 1, 1, "{}")))
        check("wrong-sender", lambda: good.send(frame(QUERY, ("n9", "gateway"), loop, 1, 1, "{}")))
        check("wrong-target", lambda: good.send(frame(QUERY, sender, ("n9", "loop/0"), 1, 1, "{}")))
        check("wrong-kind", lambda: good.send(frame(CREDIT, sender, ("n1", "broker"), 1, "bot", 9)))
        check("wrong-version", lambda: good.send(frame(QUERY, sender, loop, 1, 1, "{}", version=VERSION + 1)))
        check("malformed", lambda: good.send(b"nonsense"))
        check("too-large", lambda: good.send(b"x" * ((16 << 20) + 1)))

        def raw():
            with socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1]))) as plain:
                plain.sendall(b"\xff" + b"\0" * 8 + b"\x7f\x03\0NULL".ljust(55, b"\0") + b"\x02\xff" + b"\xff" * 7)
                plain.settimeout(20)
                try:
                    while plain.recv(1000):
                        pass
                except ConnectionResetError:
                    pass
        check("handshake", raw)
        until(lambda: "peer-refused" in node.log(), 10, "a line in the log")
        self.assertLess(node.log().count("peer-refused"), 60)

    def test_a_program_that_speaks_the_version_before_is_up_in_it(self):
        _, foreign, client, _, _ = self.node_and_foreign()

        def answered():
            foreign.welcome_one(versions=(2,))
            return self.row(client, "n2").get("state") == "up"
        until(answered, 30, "n2 up")
        self.assertEqual(self.row(client, "n2")["version"], 2)
        self.assertEqual(self.row(client, "n2")["speaks"], [2, 2])
        self.assertEqual(foreign.seen, {2, VERSION})

    def test_revoking_is_in_force_within_a_second(self):
        node, foreign, client, address, key = self.node_and_foreign()
        dealer = foreign.connect(address, key)
        for revoke in (lambda: skein("peer", "revoke", "n2", "--server", node.url),
                       lambda: skein("peer", "revoke", "n2", "--data", node.data)):
            foreign.greet(dealer, "n1")
            self.assertEqual(revoke().returncode, 0)
            told = time.monotonic()
            until(lambda: self.row(client, "n2").get("state") == "no-key", 5, "n2 out")
            self.assertLess(time.monotonic() - told, support.patience(1.0))
            before = self.peers(client)["refused"]["revoked"]
            foreign.hello(dealer, "n1")
            until(lambda: self.peers(client)["refused"]["revoked"] > before, 10, "a refusal")
            answer = client.post("/v1/peers", {"peer": "n2", "key": foreign.public})
            self.assertEqual(answer.status, 200, answer)
            self.assertTrue(answer.json()["changed"])
            until(lambda: self.row(client, "n2").get("state") != "no-key", 10, "n2 allowed again")

    def test_the_api_refuses_what_is_no_peer(self):
        node, foreign, client, _, _ = self.node_and_foreign()
        self.assert_problem(client.post("/v1/peers", {"peer": "n2", "key": "short"}), 400, "invalid-argument")
        self.assert_problem(client.post("/v1/peers", {"peer": "n3", "key": foreign.public}), 409, "state-conflict")
        self.assert_problem(client.post("/v1/peers", {"peer": "n2", "king": "x"}), 400, "invalid-argument")
        self.assert_problem(client.post("/v1/peers/n9/revoke"), 404, "not-found")
        dry = client.post("/v1/peers/n2/revoke", {"dry_run": True})
        self.assertEqual((dry.status, dry.json()["revoked"]), (200, False))
        self.assertEqual(self.row(client, "n2")["key"], foreign.public)
        with open(os.path.join(node.data, "peers"), "a", encoding="utf-8") as file:
            file.write("n4 node broken\n")
        until(lambda: "peers-unreadable" in node.log(), 10, "the mistake in the log")
        self.assertEqual(self.row(client, "n2")["key"], foreign.public)

    def test_a_broker_on_tcp_without_a_key_does_not_start_and_says_what_to_type(self):
        node = self.unstarted(self.config(("n1", "tcp://127.0.0.1:0")))
        node.verb = "start"
        ended = skein(*node.command()[1:], folder=node.folder)
        self.assertEqual(ended.returncode, 1, ended)
        self.assertIn(f"try: skein peer create --data {node.data}", ended.stderr)
        self.assertFalse(os.path.exists(node.data))

    def test_keys_are_the_owners_alone_and_not_replaced_without_a_word(self):
        data = os.path.join(self.folder, "data")
        made = skein("peer", "create", "--data", data)
        self.assertEqual(made.returncode, 0, made)
        self.assertTrue(re.fullmatch(r"\S{40}\n", made.stdout), made)
        path = os.path.join(data, "peer.key")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertEqual(skein("peer", "create", "--data", data).returncode, 5)
        self.assertEqual(skein("peer", "create", "--data", data, "--dry-run", "--yes").returncode, 0)
        with open(path, encoding="ascii") as file:
            self.assertIn(made.stdout.strip(), file.read())
        again = skein("peer", "create", "--data", data, "--yes", "-o", "json")
        self.assertEqual(again.returncode, 0, again)
        self.assertNotIn(made.stdout.strip(), again.stdout)
        self.assertEqual(skein("peer", "revoke", "n9", "--data", data).returncode, 3)


if __name__ == "__main__":
    support.main()

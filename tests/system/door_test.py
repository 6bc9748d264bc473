"""The door beyond loopback, from outside: a node refuses to open it without TLS and a token and says how to get them;
with both, curl and the command line come in by https, each with what their role allows. Every change leaves its record,
and no token is ever in a log, a metric, an error or a file of the store.
"""
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time

import support
from support import event, skein, until
from node_process import Node

ECHO = """
[agent.echo]
kind = "echo"
[[route]]
agent = "echo"
[job.often]
every = "1h"
agent = "echo"
"""


def openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


class Authority:
    """An authority of the test's own, in a folder."""

    def __init__(self, folder, name="authority"):
        self.folder = folder
        self.key, self.certificate = self.path(name + ".key"), self.path(name + ".pem")
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.key)
        openssl("req", "-x509", "-new", "-key", self.key, "-subj", "/CN=" + name, "-days", "2", "-out",
                self.certificate)

    def path(self, name):
        return os.path.join(self.folder, name)

    def issue(self, name, days=2):
        key, request, made = self.path(name + ".key"), self.path(name + ".csr"), self.path(name + ".pem")
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        openssl("req", "-new", "-key", key, "-subj", "/CN=localhost", "-addext",
                "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
                "-days", str(days), "-copy_extensions", "copy", "-out", made)
        return made, key


class WideNode(Node):
    """`skein start` of a configuration, at an address that other machines could reach."""

    def command(self):
        return [self.binary, "start", "--config", self.config, "--log-level", "debug"] + self.arguments

    def _read_url(self):
        found = re.search(r"url +https://0\.0\.0\.0:(\d+)", self.output())
        if not found and self.process.poll() is not None:
            raise AssertionError(f"the node ended with {self.process.returncode}: {self.log()[-2000:]}")
        if found:
            self.port = int(found[1])
            self.url = f"https://localhost:{self.port}"
        return found


class Door(support.SystemTest):
    def setUp(self):
        super().setUp()
        self.secrets = []
        self.authority = Authority(self.folder)
        self.certificate, self.key = self.authority.issue("server")

    def config(self, certificate=None, key=None, address="0.0.0.0:0"):
        tls = f'[tls]\ncertificate = "{certificate}"\nkey = "{key}"\n' if certificate else ""
        return f'[[node]]\nname = "n1"\nhttp = "{address}"\ndata = "{self.folder}/data"\n{tls}{ECHO}'

    def write(self, name, text, mode=0o600):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8", opener=lambda p, flags: os.open(p, flags, mode)) as file:
            file.write(text)
        return path

    def first_token(self, path, *more):
        done = skein("token", "create", "--role", "admin", "--config", path, *more)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"^skn_admin_[A-Za-z0-9_-]{43}\n$")
        return self.keep(done.stdout.strip())

    def keep(self, token):
        self.secrets.append(token)
        return token

    def token_file(self, token):
        return self.write(f"token-{len(os.listdir(self.folder))}", token + "\n")

    def open_node(self):
        """A node with TLS and an admin's token."""
        text = self.config(self.certificate, self.key)
        self.admin = self.first_token(self.write("first.toml", text))
        node = WideNode(self.folder, text)
        self.addCleanup(node.__exit__)
        node.start()
        self.context = ssl.create_default_context(cafile=self.authority.certificate)
        return node

    def ask(self, node, method, path, token=None, body=None, headers=None):
        connection = http.client.HTTPSConnection("localhost", node.port, timeout=30, context=self.context)
        fields = dict(headers or {})
        if token:
            fields["Authorization"] = f"Bearer {token}"
        if body is not None:
            fields.setdefault("Content-Type", "application/json")
        connection.request(method, path, json.dumps(body) if body is not None else None, fields)
        response = connection.getresponse()
        answer = support.Answer(response.status, response.headers, response.read())
        connection.close()
        return answer

    def create(self, node, role, **more):
        made = self.ask(node, "POST", "/v1/tokens", self.admin, {"role": role, **more})
        self.assertEqual(made.status, 201, made)
        return self.keep(made.json()["token"])

    def cli(self, node, token, *arguments, ca=None):
        return skein(*arguments, "--server", node.url, "--token-file", self.token_file(token), "--ca-file",
                     ca or self.authority.certificate)

    def assert_no_secret(self, text, where):
        for secret in self.secrets:
            self.assertNotIn(secret, text, where)
            self.assertNotIn(secret.split("_", 2)[2][8:], text, where)  # nor its better part

    # ---- it opens only if it is guarded ------------------------------------------------------------------------------

    def test_refuses_to_open_without_tls_and_says_what_to_do(self):
        path = self.write("c.toml", self.config())
        for command in (["config", "check", path], ["start", "--config", path]):
            done = skein(*command)
            self.assertEqual(done.returncode, 1, done.stderr)
            for word in ("other machines can reach", "[tls]", "skein token create --role admin", "127.0.0.1:PORT"):
                self.assertIn(word, done.stderr, command)
        self.assertFalse(os.path.exists(f"{self.folder}/data"))

    def test_refuses_to_open_without_a_token_and_the_command_it_names_makes_one(self):
        path = self.write("c.toml", self.config(self.certificate, self.key))
        checked = skein("config", "check", path)
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertIn("token", checked.stderr)  # what it cannot see
        done = skein("start", "--config", path)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("nobody has a valid token", done.stderr)
        remedy = re.search(r"skein (token create --role admin --config \S+ --node n1 --data \S+)", done.stderr)
        self.assertTrue(remedy, done.stderr)
        made = skein(*remedy[1].split())
        self.assertEqual(made.returncode, 0, made.stderr)
        self.keep(made.stdout.strip())
        node = WideNode(self.folder, self.config(self.certificate, self.key))
        self.addCleanup(node.__exit__)
        node.start()
        again = skein(*remedy[1].split())
        self.assertEqual(again.returncode, 75, again.stderr)  # the node has the store
        self.assert_no_secret(node.log() + again.stderr + done.stderr, "log")

    def test_an_expired_token_opens_nothing(self):
        path = self.write("c.toml", self.config(self.certificate, self.key))
        self.first_token(path, "--expires", "1s")
        time.sleep(1.1)  # until it has expired
        done = skein("start", "--config", path)
        self.assertEqual(done.returncode, 1)
        self.assertIn("nobody has a valid token", done.stderr)

    def test_a_node_that_was_killed_takes_no_token_from_behind(self):
        node = self.node()
        node.kill()
        done = skein("token", "create", "--role", "admin", "--data", node.data)
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("did not end in order", done.stderr)

    def test_files_that_cannot_be_used_are_named(self):
        other, _ = self.authority.issue("other")
        for certificate, key, word in ((self.folder + "/none.pem", self.key, "none.pem"), (other, self.key, self.key)):
            path = self.write("c.toml", self.config(certificate, key))
            done = skein("config", "check", path)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn(word, done.stderr)

    # ---- through TLS -------------------------------------------------------------------------------------------------

    def test_curl_and_the_command_line_come_in_by_https(self):
        node = self.open_node()
        file = self.token_file(self.admin)
        header = self.write("header", f"Authorization: Bearer {self.admin}\n")
        if shutil.which("curl"):
            done = subprocess.run(["curl", "-sS", "--cacert", self.authority.certificate, "-H", f"@{header}",
                                   f"{node.url}/v1/status"], capture_output=True, text=True, timeout=60)
            self.assertEqual(json.loads(done.stdout)["node"], "n1", done.stderr)
        done = self.cli(node, self.admin, "send", "hello", "--key", "k", "--wait")
        self.assertEqual((done.returncode, done.stdout), (0, "hello\n"), done.stderr)
        done = skein("status", environment={"SKEIN_SERVER": node.url, "SKEIN_TOKEN_FILE": file,
                                            "SKEIN_CA_FILE": self.authority.certificate})
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_command_line_trusts_nobody_else(self):
        node = self.open_node()
        stranger = Authority(self.folder, "stranger")
        done = self.cli(node, self.admin, "status", ca=stranger.certificate)
        self.assertEqual(done.returncode, 69, done.stderr)
        self.assertIn("code: untrusted", done.stderr)
        done = skein("status", "--server", node.url, "--token-file", self.token_file(self.admin))  # the system's
        self.assertEqual(done.returncode, 69, done.stderr)
        done = skein("status", "--server", node.url.replace("https", "http"), "--token-file",
                     self.token_file(self.admin))
        self.assertIn("speaks TLS", done.stderr)
        self.assert_no_secret(done.stderr, "errors")

    def test_the_command_line_does_not_trust_an_expired_certificate(self):
        self.certificate, self.key = self.authority.issue("old", days=-1)
        node = self.open_node()
        done = self.cli(node, self.admin, "status")
        self.assertEqual(done.returncode, 69, done.stderr)
        self.assertIn("expired", done.stderr)

    def test_handshakes_that_do_not_end_harm_nobody(self):
        node = self.open_node()
        half = [socket.create_connection(("127.0.0.1", node.port)) for _ in range(200)]
        for each in half[::2]:
            each.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        began = time.monotonic()
        for _ in range(5):
            self.assertEqual(self.ask(node, "GET", "/v1/status", self.admin).status, 200)
        support.say(f"5 requests beside 200 half-open handshakes: {time.monotonic() - began:.3f} s")
        half[0].settimeout(support.patience(20))
        self.assertEqual(half[0].recv(100), b"")  # its time was up
        for each in half:
            each.close()

    # ---- roles -------------------------------------------------------------------------------------------------------

    def test_each_role_has_what_it_is_for(self):
        node = self.open_node()
        tokens = {role: self.create(node, role, name=f"my-{role}") for role in ("read", "producer", "worker")}
        tokens["admin"] = self.admin
        tokens[None] = None
        made = event("e1", "k")
        structured = {"Content-Type": support.STRUCTURED}
        requests = [  # method, path, body, fields, who may
            ("GET", "/healthz", None, None, {None, "worker", "read", "producer", "admin"}),
            ("GET", "/readyz", None, None, {"read", "producer", "admin"}),
            ("GET", "/metrics", None, None, {"read", "producer", "admin"}),
            ("GET", "/v1/status", None, None, {"read", "producer", "admin"}),
            ("GET", "/v1/jobs/often", None, None, {"read", "producer", "admin"}),
            ("POST", "/v1/events", made, structured, {"producer", "admin"}),
            ("POST", "/v1/jobs/often/pause", {}, None, {"admin"}),
            ("GET", "/v1/tokens", None, None, {"admin"}),
            ("GET", "/v1/audit", None, None, {"admin"}),
            ("GET", "/v1/peers", None, None, {"admin"}),
        ]
        for method, path, body, fields, may in requests:
            for role, token in tokens.items():
                answer = self.ask(node, method, path, token, body, fields)
                if role in may:
                    self.assertLess(answer.status, 300, (path, role, answer))
                else:
                    self.assert_problem(answer, 401 if role is None else 403,
                                        "unauthorized" if role is None else "forbidden")
        done = self.cli(node, tokens["read"], "job", "resume", "often")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("needs the role admin", done.stderr)

    def test_a_revoked_and_an_expired_token_open_nothing(self):
        node = self.open_node()
        shop = self.create(node, "read", name="shop")
        brief = self.create(node, "read", name="brief", expires_in="1500ms")
        self.assertEqual(self.ask(node, "GET", "/v1/status", shop).status, 200)
        done = self.cli(node, self.admin, "token", "revoke", "shop")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_problem(self.ask(node, "GET", "/v1/status", shop), 401, "unauthorized")
        until(lambda: self.ask(node, "GET", "/v1/status", brief).status == 401, 10, "the end of a token")
        self.assert_problem(self.ask(node, "GET", "/healthz", "nonsense"), 401, "unauthorized")
        node.terminate()
        node.wait(30)
        node.start()  # it stays so
        self.assertEqual(self.ask(node, "GET", "/v1/status", shop).status, 401)
        self.assertEqual(self.ask(node, "GET", "/v1/status", self.admin).status, 200)
        node.kill()
        node.start()
        self.assertEqual(self.ask(node, "GET", "/v1/status", shop).status, 401)
        listed = self.ask(node, "GET", "/v1/tokens", self.admin).json()["tokens"]
        self.assertEqual([(each["name"], each["valid"]) for each in listed], [("admin-1", True), ("brief", False)])

    # ---- what is left behind -----------------------------------------------------------------------------------------

    def test_each_change_leaves_a_record(self):
        node = self.open_node()
        shop = self.create(node, "producer", name="shop")
        boss = self.create(node, "admin", name="boss")
        number = self.ask(node, "POST", "/v1/events", shop, event("later", "k", due="+1h"),
                          {"Content-Type": support.STRUCTURED}).json()["accepted"][0]["event"]
        definition = {"every": "2h", "agent": "echo", "data": "canary-payload"}
        for path, body in (("/v1/jobs", {"job": "j", "definition": definition}), ("/v1/jobs/j/pause", {"why": "so"}),
                           ("/v1/jobs/j/resume", {}), ("/v1/jobs/j/edit", {"definition": definition}),
                           ("/v1/jobs/j/trigger", {}), ("/v1/jobs/j/delete", {}),
                           (f"/v1/events/{number}/cancel", {}), ("/v1/tokens/shop/revoke", {})):
            answer = self.ask(node, "POST", path, boss, body)
            self.assertLess(answer.status, 300, (path, answer))
        for path in ("/v1/jobs/j/pause", f"/v1/events/{number}/cancel", "/v1/tokens/shop/revoke"):
            self.assertIn(self.ask(node, "POST", path, boss, {}).status, (404, 409))  # changes nothing
        node.kill()  # what was answered is durable
        node.start()
        rows = self.ask(node, "GET", "/v1/audit?limit=100", self.admin).json()["audit"]
        found = [(row["who"], row["what"], row["target"]) for row in reversed(rows)]
        self.assertEqual(found, [
            ("offline", "token.create", "admin-1"), ("admin-1", "token.create", "shop"),
            ("admin-1", "token.create", "boss"), ("boss", "job.create", "j"), ("boss", "job.pause", "j"),
            ("boss", "job.resume", "j"), ("boss", "job.edit", "j"), ("boss", "job.trigger", "j"),
            ("boss", "job.delete", "j"), ("boss", "event.cancel", number), ("boss", "token.revoke", "shop")])
        self.assertTrue(all(row["from"] == "127.0.0.1" and row["result"] == "done" for row in rows[:-1]), rows)
        self.assertNotIn("canary-payload", json.dumps(rows))
        self.assertEqual([row["arguments"] for row in rows if row["what"] == "job.pause"], [{"why": "so"}])
        page = self.ask(node, "GET", "/v1/audit?limit=4&by=boss", self.admin).json()
        rest = self.ask(node, "GET", f"/v1/audit?by=boss&after={page['next']}", self.admin).json()
        self.assertEqual(page["audit"] + rest["audit"], [row for row in rows if row["who"] == "boss"])
        self.assertNotIn("next", rest)
        done = self.cli(node, self.admin, "audit", "list", "--since", "-1h", "--by", "boss", "-o", "jsonl")
        self.assertEqual([json.loads(line) for line in done.stdout.splitlines()],
                         [row for row in rows if row["who"] == "boss"])
        self.assertEqual(self.ask(node, "GET", "/v1/audit?until=-1h", self.admin).json()["audit"], [])

    def test_on_loopback_changes_are_by_loopback(self):
        node = self.node(ECHO)
        client = self.client(node)
        self.assertEqual(client.post("/v1/jobs/often/pause").status, 200)
        rows = client.get("/v1/audit").json()["audit"]
        self.assertEqual([(row["who"], row["from"], row["what"]) for row in rows],
                         [("loopback", "127.0.0.1", "job.pause")])
        made = skein("token", "create", "--role", "read", "--server", node.url)
        self.assertEqual(made.returncode, 0, made.stderr)
        wrong = client.request("GET", "/v1/status", headers={"Authorization": "Bearer skn_read_wrong"})
        self.assert_problem(wrong, 401, "unauthorized")

    def test_no_token_is_ever_seen_again(self):
        node = self.open_node()
        shop = self.create(node, "producer", name="shop", expires_in="90d")
        bad = self.keep("skn_admin_" + "canary" * 8)
        for token in (shop, bad):
            for path in ("/v1/status", "/v1/tokens", "/nowhere", f"/v1/events?key={'x' * 10}"):
                answer = self.ask(node, "GET", path, token)
                self.assert_no_secret(str(answer.headers) + answer.body.decode(), path)
        for arguments in (["token", "list", "-o", "json"], ["audit", "list", "-o", "json"], ["status"]):
            done = self.cli(node, self.admin, *arguments)
            self.assert_no_secret(done.stdout + done.stderr, arguments)
        done = self.cli(node, bad, "token", "list")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assert_no_secret(done.stdout + done.stderr, "an error")
        done = skein("status", "--server", "nonsense://" + "x", "--token-file", self.token_file(shop))
        self.assert_no_secret(done.stdout + done.stderr, "an error")
        metrics = self.ask(node, "GET", "/metrics", self.admin).body.decode()
        self.assertIn("skein_http_unauthorized_total", metrics)
        self.assert_no_secret(metrics, "metrics")
        backup = skein("backup", "create", "--data", f"{self.folder}/data", "--out", f"{self.folder}/b.skein-backup")
        self.assertEqual(backup.returncode, 0, backup.stderr)
        node.terminate()
        node.wait(30)
        self.assertIn("http-unauthorized", node.log())
        self.assert_no_secret(node.log(), "log")
        for folder, _, files in os.walk(f"{self.folder}/data"):
            for name in files:
                with open(os.path.join(folder, name), "rb") as file:
                    self.assert_no_secret(file.read().decode("latin-1"), name)
        with open(f"{self.folder}/b.skein-backup", "rb") as file:
            self.assert_no_secret(file.read().decode("latin-1"), "backup")


if __name__ == "__main__":
    if shutil.which("openssl") is None:
        print("SKIPPED: without openssl there is no authority")
        sys.exit(77)
    support.main()

"""What look-ups, the stream and the command line show: JSON as it was written, pages, resets, rates."""
import itertools
import json
import os
import socket
import time

import support
from stream import Stream
from support import event, skein, stuck_agent, until

EXACT = '{"big":12345678901234567890,"huge":1e400,"cents":0.10,"one":1.0,"z":[-0,1E+2],"a":"\\u0041"}'
ECHO = """
[agent.echo]
kind = "echo"
[[route]]
type = "test.echo"
agent = "echo"
"""


class Views(support.SystemTest):
    def send_exact(self, client, type="test.echo", **attributes):
        body = json.dumps(event(type, "k", type, **attributes))[:-1] + ',"data":' + EXACT + "}"
        answer = client.post("/v1/events", body, support.STRUCTURED)
        self.assertEqual(answer.status, 202, answer)
        return answer.json()["accepted"][0]["event"]

    # ---- JSON as it was written ----------------------------------------------------------------

    def test_numbers_and_order_of_data_and_replies_are_shown_as_they_were_written(self):
        node = self.node(ECHO + """
[agent.program]
kind = "exec"
mode = "oneshot"
command = ["cat"]
[[route]]
type = "test.program"
agent = "program"
""")
        client = self.client(node)
        for kind in ("test.echo", "test.program"):
            number = self.send_exact(client, kind)
            client.ended(number)
            text = client.get(f"/v1/events/{number}").body.decode()
            self.assertIn('"data":' + EXACT, text)
            if kind == "test.echo":
                self.assertEqual(text.count('"reply":' + EXACT), 2, text)
            else:
                self.assertIn("12345678901234567890", text.split('"reply"')[1], "what the program was given")
                self.assertIn("1e400", text.split('"reply"')[1])
            shown = skein("event", "describe", number, "-o", "jsonl", "--server", node.url)
            self.assertEqual(shown.returncode, 0, shown)
            for exact in ("12345678901234567890", "1e400", "0.10", "1.0", "[-0,1E+2]"):
                self.assertIn(exact, shown.stdout)

    def test_the_stream_tells_json_as_it_was_written(self):
        node = self.node(ECHO)
        client = self.client(node)
        self.send_exact(client)
        with socket.create_connection(("127.0.0.1", node.port), timeout=30) as raw:
            raw.sendall(b"GET /v1/stream?after=0.0 HTTP/1.0\r\n\r\n")
            text = ""
            while '"outcome"' not in text and text.count("event: ") < 2:
                text += raw.recv(65536).decode()
        self.assertIn('"data":' + EXACT, text)
        self.assertIn('"reply":' + EXACT, text)

    # ---- replies as events -----------------------------------------------------------------------

    def test_a_reply_is_an_event_only_where_a_route_names_its_type_literally(self):
        config = """
[agent.echo]
kind = "echo"
[[route]]
type = "*"
agent = "echo"
"""
        node = self.node(config)
        client = self.client(node)
        client.ended(client.accept(event(1, "k", data="hello")))
        self.assertEqual(client.idle()["ledger"]["accepted"], 1, "no glob asks for replies")
        node.terminate()
        node.wait(20)
        node.configure(config + '[agent.log]\nkind = "noop"\n[[route]]\ntype = "skein.reply"\nagent = "log"\n')
        node.start()
        client = self.client(node)
        number = client.accept(event(2, "k", data="hello"))
        client.ended(number)
        self.assertEqual(client.idle()["ledger"]["accepted"], 3)
        replies = list(client.events(type="skein.reply"))
        self.assertEqual([each["id"] for each in replies], [f"{number}.echo.reply"])
        self.assertEqual([each["agent"] for each in replies[0]["deliveries"]], ["log"])
        self.assertEqual((replies[0]["key"], replies[0]["source"]), ("k", "skein/agent/echo"))
        self.assertEqual(client.look_up(replies[0]["event"])["data"]["data"], "hello")

    # ---- lanes -------------------------------------------------------------------------------------

    def test_lanes_are_paged_and_every_lane_is_on_one_page(self):
        release = os.path.join(self.folder, "release")
        node = self.node(stuck_agent(f"{self.folder}/notes.txt", release) + """
[[route]]
type = "test.stuck"
agent = "stuck"
""" + ECHO, arguments=["--loops", "2"])
        client = self.client(node)
        client.accept([event(n, f"k{n % 30}", "test.stuck") for n in range(60)])
        until(lambda: any(each["running"] for each in client.get("/v1/lanes", limit=30).json()["lanes"]), 30,
              "the start of a turn")
        seen, after, pages = [], {}, 0
        while True:
            page = client.get("/v1/lanes", limit=7, **after)
            self.assertEqual(page.status, 200, page)
            page = page.json()
            self.assertLessEqual(len(page["lanes"]), 7)
            seen += page["lanes"]
            pages += 1
            if "next" not in page:
                break
            after = {"after": page["next"]}
        self.assertGreaterEqual(pages, 5)
        self.assertEqual(sorted(each["key"] for each in seen), sorted(f"k{n}" for n in range(30)))
        self.assertEqual({each["waiting"] + each["running"] for each in seen}, {2})
        self.assertEqual(client.get("/v1/lanes", agent="echo").json()["lanes"], [])
        self.assert_problem(client.get("/v1/lanes", agent="nobody"), 404, "agent-unknown")
        for wrong in ("x", "9.0", "0", "0.", "0.1x"):
            self.assert_problem(client.get("/v1/lanes", after=wrong), 400, "invalid-argument")
        self.assert_problem(client.get("/v1/keys"), 404, "not-found")
        self.assertEqual(client.get("/v1/keys/k7").json()["lanes"][0]["key"], "k7")
        running = next(each["key"] for each in seen if each["running"] == 1)
        shown = client.get(f"/v1/keys/{running}").json()
        self.assertEqual([each["state"] for each in shown["recent"]], ["pending", "running"], "as look-ups show them")
        listed = skein("key", "list", "--limit", "7", "--agent", "stuck", "--server", node.url)
        self.assertEqual((listed.returncode, len(listed.stdout.splitlines())), (0, 8), listed)
        self.assertIn("--after", listed.stderr)
        lag = client.status()["lag"]
        self.assertGreater(lag["oldest_ready_s"], 0, "they wait for the one slot")

    # ---- dead letters --------------------------------------------------------------------------------

    def test_what_has_no_dead_delivery_is_no_dead_letter(self):
        client = self.client(self.node(ECHO))
        number = client.accept(event(1, type="test.echo"))
        client.ended(number)
        problem = self.assert_problem(client.get(f"/v1/dead/{number}"), 404, "not-found")
        self.assertIn("done", problem["detail"])

    # ---- the stream ------------------------------------------------------------------------------------

    def first(self, node, count, **how):
        with Stream(node.port, **how) as stream:
            self.assertEqual(stream.status, 200)
            messages = []
            for message in stream:
                messages.append(message)
                if len(messages) == count:
                    return messages
        self.fail(f"the stream ended after {messages}")

    def test_a_cursor_that_says_nothing_here_is_told_and_all_there_is_follows(self):
        node, other = self.node(ECHO), self.node(ECHO)
        clients = [self.client(each) for each in (node, other)]
        for client in clients:
            for n in range(3):
                client.ended(client.accept(event(n, "k", "test.echo")))
        history = self.first(node, 6, last_id="0.0")
        self.assertEqual([name for _, name, _ in history].count("accepted"), 3)
        foreign = self.first(other, 1, last_id="0.0")[0][0]
        for cursor in (foreign, "999999.0", "999999.0." + history[0][0].split(".")[2]):
            reset, *rest = self.first(node, 7, last_id=cursor)
            self.assertEqual(reset[1], "reset", cursor)
            self.assertEqual(rest, history, "all there is")
            self.assertEqual(self.first(node, 6, last_id=reset[0]), history, "the reset's id is a cursor too")

    def test_a_slow_reader_of_the_past_gets_all_of_it_on_one_connection(self):
        node = self.node(ECHO)
        client = self.client(node)
        count, size = 60, 100_000
        for n in range(count):
            client.accept(event(n, f"k{n}", "test.none", data="x" * size))
        with Stream(node.port, query="?after=0.0&type=test.none") as stream:
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            got = []
            for _, name, message in stream:
                got.append((name, message["id"]))
                time.sleep(0.01)  # a reader that is slow
                if len(got) == count:
                    break
        self.assertEqual(got, [("accepted", str(n)) for n in range(count)])
        self.assertIn("skein_http_lagging_streams_total 0", client.get("/metrics").body.decode())

    # ---- events whose time is over ----------------------------------------------------------------------

    def test_a_repeat_whose_time_is_over_is_a_duplicate_and_a_new_event_is_refused(self):
        client = self.client(self.node(ECHO))
        soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
        offered = event(1, "k", "test.echo", expires=soon)
        number = client.accept(offered)
        client.ended(number)
        fresh = itertools.count(100)  # a repeat would be a duplicate
        until(lambda: client.publish(event(next(fresh), "k", "test.echo", expires=soon)).status == 400, 20,
              "the end of its time")
        again = client.publish(offered)
        self.assertEqual(again.status, 202, again)
        self.assertEqual(again.json()["accepted"][0], {**again.json()["accepted"][0], "event": number, "duplicate": True})
        problem = self.assert_problem(client.publish(event(3, "k", "test.echo", expires=soon)), 400, "invalid-time")
        self.assertIn("expires", problem["detail"])
        batch = client.publish([offered, event(4, "k", "test.echo", expires=soon)])
        problem = self.assert_problem(batch, 409, "invalid-time")
        self.assertEqual([each["event"] for each in problem["accepted"]], [number])
        self.assertEqual([(each["index"], each["code"]) for each in problem["refused"]], [(1, "invalid-time")])

    # ---- status ------------------------------------------------------------------------------------------

    def test_the_status_tells_rates_and_lag(self):
        client = self.client(self.node(ECHO))
        before = client.status()
        self.assertEqual(before["rates"]["accepted"], {"1s": 0.0, "10s": 0.0, "60s": 0.0})
        self.assertEqual(before["lag"], {"oldest_ready_s": 0.0, "commit_s": 0.0})
        self.assertFalse(before["stale"])
        client.accept([event(n, f"k{n}", "test.echo") for n in range(600)])
        client.idle()
        # Of what the loops told last: the end of the last turns may come a moment later.
        until(lambda: client.status()["rates"]["done"]["60s"] > 5, 10, "the rates")
        rates = client.status()["rates"]
        for kind in ("accepted", "done"):
            self.assertGreater(rates[kind]["60s"], 5, rates)
            self.assertGreater(rates[kind]["10s"], rates[kind]["60s"], rates)


if __name__ == "__main__":
    support.main()

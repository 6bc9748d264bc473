"""The three modes of CloudEvents over HTTP, and every bad request: told what is wrong, and nothing stored."""
import base64
import json

import support
from support import BATCH, STRUCTURED, event

FULL = {
    "specversion": "1.0", "id": "a-1", "source": "/shop/1", "type": "shop.order", "subject": "order 7",
    "time": "2026-01-31T12:00:00Z", "datacontenttype": "application/json",
    "dataschema": "https://example.com/schema", "partitionkey": "c/12", "tenant": "blå ☂ 100%",
    "data": {"total": 129.9, "lines": [1, "two", None, True], "nested": {"a": {}}},
}


class Modes(support.SystemTest):
    def setUp(self):
        super().setUp()
        self.http = self.client(self.node())

    def stored(self, answer):
        """The whole event as it was sent, of the only member of an answer."""
        self.assertEqual(answer.status, 202, answer)
        accepted, = answer.json()["accepted"]
        return self.http.look_up(accepted["event"])["data"]

    def test_an_event_in_structured_mode_is_kept_unchanged(self):
        self.assertEqual(self.stored(self.http.publish(FULL)), FULL)
        charset = self.http.post("/v1/events", {**FULL, "id": "a-2"}, STRUCTURED + "; charset=utf-8")
        self.assertEqual(self.stored(charset), {**FULL, "id": "a-2"})

    def test_the_smallest_event_is_enough(self):
        smallest = {"specversion": "1.0", "id": "1", "source": "s", "type": "t"}
        self.assertEqual(self.stored(self.http.publish(smallest)), smallest)

    def test_events_in_batched_mode_are_kept_unchanged_and_in_order(self):
        batch = [{**FULL, "id": f"b-{n}", "data": n} for n in range(5)]
        answer = self.http.publish(batch)
        self.assertEqual([each["id"] for each in answer.json()["accepted"]], [each["id"] for each in batch])
        for sent, accepted in zip(batch, answer.json()["accepted"]):
            self.assertEqual(self.http.look_up(accepted["event"])["data"], sent)

    def test_an_event_in_binary_mode_is_the_same_as_in_structured_mode(self):
        headers = {f"ce-{name}": value for name, value in FULL.items() if name not in ("data", "datacontenttype")}
        headers["ce-tenant"] = "bl%C3%A5 %E2%98%82 100%25"
        answer = self.http.post("/v1/events", FULL["data"], "application/json", headers)
        self.assertEqual(self.stored(answer), FULL)
        again = self.http.publish(FULL).json()["accepted"][0]
        self.assertTrue(again["duplicate"], "it has the same identity and content")

    def binary(self, id, body, content_type):
        return self.http.post("/v1/events", body, content_type, {
            "ce-specversion": "1.0", "ce-id": id, "ce-source": "/s", "ce-type": "t"})

    def test_text_and_bytes_in_binary_mode_come_back_as_they_were(self):
        text = self.stored(self.binary("text", "grüße".encode(), "text/plain; charset=utf-8"))
        self.assertEqual((text["data"], text["datacontenttype"]), ("grüße", "text/plain; charset=utf-8"))
        raw = bytes(range(256))
        kept = self.stored(self.binary("raw", raw, "application/octet-stream"))
        self.assertEqual(base64.b64decode(kept["data_base64"]), raw)

    def test_bytes_in_structured_mode_come_back_as_they_were(self):
        sent = {"specversion": "1.0", "id": "64", "source": "s", "type": "t",
                "datacontenttype": "application/octet-stream", "data_base64": "AAECAw=="}
        self.assertEqual(self.stored(self.http.publish(sent)), sent)


def nested(levels):
    return "[" * levels + "]" * levels


def with_data(text):
    return '{"specversion":"1.0","id":"1","source":"s","type":"t","data":' + text + "}"


def without(name):
    return {key: value for key, value in event("1").items() if key != name}


# what is wrong: body, content type, status, code, words that the detail has
BAD = {
    "no JSON": ("{not json", STRUCTURED, 400, "invalid-json", []),
    "an empty body": ("", STRUCTURED, 400, "invalid-json", []),
    "a member twice": ('{"id":"1","id":"2"}', STRUCTURED, 400, "invalid-json", ["twice"]),
    "two values": ('{"specversion":"1.0","id":"1","source":"s","type":"t"} {}', STRUCTURED, 400, "invalid-json", []),
    "no text": (b'{"specversion":"1.0","id":"\xff","source":"s","type":"t"}', STRUCTURED, 400, "invalid-json", []),
    "an array that should be an object": ("[]", STRUCTURED, 400, "invalid-event", []),
    "no id": (without("id"), STRUCTURED, 400, "invalid-event", ["id"]),
    "no source": (without("source"), STRUCTURED, 400, "invalid-event", ["source"]),
    "no type": (without("type"), STRUCTURED, 400, "invalid-event", ["type"]),
    "no specversion": (without("specversion"), STRUCTURED, 400, "invalid-event", ["specversion"]),
    "another specversion": (event("1", specversion="0.3"), STRUCTURED, 400, "invalid-event", ["specversion"]),
    "an empty id": (event(""), STRUCTURED, 400, "invalid-event", ["id"]),
    "an id that is a number": ({**event("1"), "id": 1}, STRUCTURED, 400, "invalid-event", ["id"]),
    "a key that is a number": (event("1", partitionkey=5), STRUCTURED, 400, "invalid-event", ["partitionkey"]),
    "an extension that is an object": (event("1", tenant={}), STRUCTURED, 400, "invalid-event", ["tenant"]),
    "a bad name of an extension": (event("1", **{"Bad-Name": "x"}), STRUCTURED, 400, "invalid-event", ["Bad-Name"]),
    "a priority that there is not": (event("1", priority="urgent"), STRUCTURED, 400, "invalid-event", ["priority"]),
    "both data and data_base64": (event("1", data=1, data_base64="AA=="), STRUCTURED, 400, "invalid-event", ["data"]),
    "data_base64 that is none": (event("1", data_base64="!"), STRUCTURED, 400, "invalid-event", ["data_base64"]),
    "a due that is no time": (event("1", due="tomorrow"), STRUCTURED, 400, "invalid-time", ["due"]),
    "a due that goes back": (event("1", due="+-5s"), STRUCTURED, 400, "invalid-time", ["due"]),
    "an expires that has passed": (event("1", expires="2020-01-01T00:00:00Z"), STRUCTURED, 400, "invalid-time",
                                   ["expires"]),
    "a time that is none": (event("1", time="noon"), STRUCTURED, 400, "invalid-time", ["time"]),
    "data that is too deep": (with_data(nested(40)), STRUCTURED, 400, "too-deep", ["32"]),
    "data that is far too deep": (with_data(nested(100_000)), STRUCTURED, 400, "too-deep", ["32"]),
    "an id that is too long": (event("x" * 513), STRUCTURED, 413, "too-large", ["id", "512"]),
    "a key that is too long": (event("1", key="x" * 513), STRUCTURED, 413, "too-large", ["512"]),
    "an event that is too large": (event("1", data="x" * (1 << 20)), STRUCTURED, 413, "too-large", []),
    "an unknown content type": (event("1"), "application/xml", 415, "unsupported-media-type", []),
    "JSON without ce- headers": (event("1"), "application/json", 415, "unsupported-media-type", []),
    "a batch that is an object": (event("1"), BATCH, 400, "invalid-event", []),
    "a batch with one bad member": ([event("1"), event("2"), without("type")], BATCH, 400, "invalid-event",
                                    ["event 2:", "type"]),
    "a batch with a bad time": ([event("1"), event("2", due="x")], BATCH, 400, "invalid-time", ["event 1:", "due"]),
    "a batch with a large member": ([event("1"), event("2", data="x" * (1 << 20))], BATCH, 413, "too-large",
                                    ["event 1:"]),
    "a batch with too many members": ([event(n) for n in range(1001)], BATCH, 413, "batch-too-large", ["1000"]),
    "a batch that is cut off": (json.dumps([event("1")])[:-1], BATCH, 400, "invalid-json", []),
}


class BadRequests(support.SystemTest):
    def setUp(self):
        super().setUp()
        self.http = self.client(self.node())

    def assert_nothing_stored(self, what=""):
        self.assertEqual(self.http.ledger()["accepted"], 0, what)
        self.assertEqual(list(self.http.events()), [])

    def test_a_bad_event_is_refused_with_what_is_wrong_and_nothing_is_stored(self):
        for name, (body, content_type, status, code, words) in BAD.items():
            with self.subTest(name):
                problem = self.assert_problem(self.http.post("/v1/events", body, content_type), status, code)
                for word in words:
                    self.assertIn(word, problem["detail"].replace("1,000", "1000"))
                self.assertEqual(self.http.ledger()["accepted"], 0)
        self.assert_nothing_stored()

    def test_a_bad_event_in_binary_mode_is_refused(self):
        good = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "t"}
        cases = [
            ({"ce-id": None}, b"1", "application/json", 400, "invalid-event"),
            ({"ce-due": "soon"}, b"1", "application/json", 400, "invalid-time"),
            ({"ce-bad-name": "x"}, b"1", "application/json", 400, "invalid-event"),
            ({"ce-id": "%zz"}, b"1", "application/json", 400, "invalid-event"),
            ({}, b"{no json", "application/json", 400, "data-not-json"),
            ({}, b"x" * ((1 << 20) + 1), "text/plain", 413, "too-large"),
        ]
        for change, body, content_type, status, code in cases:
            with self.subTest(change or content_type):
                headers = {name: value for name, value in {**good, **change}.items() if value is not None}
                self.assert_problem(self.http.post("/v1/events", body, content_type, headers), status, code)
        self.assert_nothing_stored()

    def test_a_wait_that_is_none_is_refused_before_anything_is_stored(self):
        for query in ("?wait=soon", "?wait=61s", "?wait=-1s", "?weight=1s"):
            self.assert_problem(self.http.publish(event("1"), query), 400, "invalid-argument")
        self.assert_problem(self.http.publish([event("1"), event("2")], "?wait=1s"), 400, "invalid-argument")
        self.assert_nothing_stored()

    def test_a_compressed_body_and_a_foreign_origin_are_refused(self):
        packed = self.http.post("/v1/events", event("1"), STRUCTURED, {"Content-Encoding": "gzip"})
        self.assert_problem(packed, 415, "unsupported-media-type")
        foreign = self.http.post("/v1/events", event("1"), STRUCTURED, {"Origin": "https://example.com"})
        self.assert_problem(foreign, 403, "forbidden-origin")
        rebound = self.http.post("/v1/events", event("1"), STRUCTURED, {"Host": "example.com"})
        self.assert_problem(rebound, 403, "forbidden-origin")
        self.assert_nothing_stored()


if __name__ == "__main__":
    support.main()

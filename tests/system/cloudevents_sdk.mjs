// Publishes events with the public CloudEvents SDK in its three modes and compares what the node gives back.
// SKEIN_SERVER names the node.
import assert from "node:assert/strict";
import { CloudEvent, HTTP } from "cloudevents";

const server = process.env.SKEIN_SERVER;

async function post({ headers, body }) {
  const answer = await fetch(`${server}/v1/events`, { method: "POST", headers, body });
  const text = await answer.text();
  assert.equal(answer.status, 202, text);
  return JSON.parse(text).accepted;
}

async function lookUp(number) {
  const answer = await fetch(`${server}/v1/events/${number}`);
  assert.equal(answer.status, 200);
  return (await answer.json()).data;
}

function make(id, more = {}) {
  return new CloudEvent({
    id, source: "/sdk", type: "sdk.order", subject: "order 7", time: "2026-01-31T12:00:00.000Z",
    datacontenttype: "application/json", dataschema: "https://example.com/schema",
    partitionkey: "customer-12", tenant: "north", data: { total: 129.9, lines: [1, "two", null, true] }, ...more,
  });
}

async function compare(sent, accepted) {
  assert.equal(accepted.id, sent.id);
  assert.equal(accepted.duplicate, false);
  const kept = await lookUp(accepted.event);
  assert.deepEqual(kept, JSON.parse(JSON.stringify(sent)));
  // and the SDK itself reads the answer as the same event
  const read = HTTP.toEvent({ headers: { "content-type": "application/cloudevents+json" }, body: JSON.stringify(kept) });
  assert.deepEqual(read.toJSON(), sent.toJSON());
}

const structured = make("structured");
await compare(structured, (await post(HTTP.structured(structured)))[0]);

const binary = make("binary");
await compare(binary, (await post(HTTP.binary(binary)))[0]);

const text = make("text", { datacontenttype: "text/plain", data: "grüße" });
await compare(text, (await post(HTTP.binary(text)))[0]);

const batch = [make("batch-1"), make("batch-2", { data: "text" }), make("batch-3", { data: 17 })];
const accepted = await post({
  headers: { "content-type": "application/cloudevents-batch+json" },
  body: JSON.stringify(batch),
});
assert.equal(accepted.length, batch.length);
for (const [n, sent] of batch.entries()) await compare(sent, accepted[n]);

const again = await post(HTTP.structured(structured));
assert.equal(again[0].duplicate, true);
console.log("structured, binary and batched events of the SDK came back unchanged");

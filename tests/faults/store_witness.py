"""What the store itself says of a run: each grant of a shard, recorded in the transaction that made it, and at the end
each event with what became of it, when and by whom that was committed.

The moment of a commit is the server's (`track_commit_timestamp`): of two commits to a shard, which wait for each other's
lock on its fence, the later one has the later moment.
"""
import csv
import io
import json
import subprocess

from history import Delivery, Event, Grant

INSTALL = """
CREATE SCHEMA witness;
CREATE TABLE witness.grants (shard integer, epoch bigint, owner text);
CREATE FUNCTION witness.note() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN INSERT INTO witness.grants VALUES (NEW.shard, NEW.epoch, NEW.owner); RETURN NULL; END';
BEGIN;
LOCK TABLE skein.fence IN EXCLUSIVE MODE;
CREATE TRIGGER witness AFTER UPDATE ON skein.fence FOR EACH ROW
  WHEN (OLD.epoch IS DISTINCT FROM NEW.epoch OR OLD.owner IS DISTINCT FROM NEW.owner) EXECUTE FUNCTION witness.note();
INSERT INTO witness.grants SELECT shard, epoch, owner FROM skein.fence;
COMMIT;
"""
MOMENT = "(extract(epoch FROM pg_xact_commit_timestamp({0}.xmin)) * 1000000)::bigint * 1000"
GRANTS = f"SELECT g.shard, g.epoch, g.owner, {MOMENT.format('g')} FROM witness.grants g ORDER BY 4, 1"
EVENTS = f"""
SELECT e.shard || '-' || e.no, encode(e.id, 'escape'), encode(e.key, 'escape'), e.at, {MOMENT.format('e')},
       w.name, coalesce(e.due, 0), d.place - 1, encode(a.name, 'escape'), coalesce(o.state, 0), o.attempt, o.started,
       o.emitted, encode(o.reply, 'escape'), {MOMENT.format('o')}, v.name
FROM skein.event e
LEFT JOIN skein.commits c ON c.xid = e.xmin::text::xid8
LEFT JOIN skein.owner w ON w.no = c.owner
LEFT JOIN LATERAL json_array_elements_text(e.deliveries::json) WITH ORDINALITY AS d(agent, place) ON true
LEFT JOIN skein.agent a ON a.no = d.agent::integer
LEFT JOIN skein.outcome o ON o.shard = e.shard AND o.id = e.no * 16 + d.place - 1
LEFT JOIN skein.commits b ON b.xid = o.xmin::text::xid8
LEFT JOIN skein.owner v ON v.no = b.owner
ORDER BY e.no, d.place
"""
STATES = ("pending", "", "", "done", "dead", "cancelled", "superseded", "expired", "purged")


def install(server):
    """Once the store is made."""
    server.sql(INSTALL)


def rows_of(server, question):
    asked = subprocess.Popen(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", server.folder, "-U", "postgres", "-c",
                              f"COPY ({question}) TO STDOUT WITH (FORMAT csv)"], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE)
    yield from csv.reader(io.TextIOWrapper(asked.stdout, encoding="utf-8", newline=""))
    if asked.wait() != 0:
        raise AssertionError("the store does not tell what is in it")


def grants_of(server):
    return [Grant(int(shard), int(epoch), owner, int(at)) for shard, epoch, owner, at in rows_of(server, GRANTS)]


def events_of(server):
    made, last = [], None
    for row in rows_of(server, EVENTS):
        number, name, key, accepted, at, owner, due, *delivery = row
        if last is None or last.number != number:
            last = Event(number, name, key, int(accepted), int(at), owner, int(due))
            made.append(last)
        index, agent, state, attempt, started, emitted, reply, ended_at, ended_by = delivery
        if not agent:
            continue  # no route took it
        if state == "0":
            last.deliveries.append(Delivery(agent, int(index), "pending"))
            continue
        last.deliveries.append(Delivery(agent, int(index), STATES[int(state)], int(attempt), int(started or 0),
                                        int(emitted), parsed(reply), int(ended_at), ended_by))
    return made


def parsed(reply):
    try:
        return json.loads(reply)
    except ValueError:
        return reply or None

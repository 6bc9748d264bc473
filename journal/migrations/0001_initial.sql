-- Times are nanoseconds since 1970 UTC. States: 3 done, 4 dead, 5 cancelled, 6 superseded, 7 expired, 8 purged.
-- A delivery's number is event number * 16 + its index in the event's list of deliveries.

CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value
) WITHOUT ROWID;

CREATE TABLE agent (
  no    INTEGER PRIMARY KEY,
  name  TEXT NOT NULL UNIQUE
);

-- Epochs above the boot number, which is the least that every shard is at.
CREATE TABLE fence (
  shard INTEGER PRIMARY KEY,
  epoch INTEGER NOT NULL
);

-- Appended, never changed. The small columns come first: a start reads them without the bodies' pages.
CREATE TABLE event (
  no         INTEGER PRIMARY KEY,
  shard      INTEGER NOT NULL,
  at         INTEGER NOT NULL,
  key        TEXT NOT NULL,
  due        INTEGER,
  expires    INTEGER,
  priority   INTEGER NOT NULL,
  deliveries TEXT NOT NULL,  -- JSON array of agent numbers
  body       BLOB NOT NULL
);

-- The end of a delivery. Inserted once, never changed.
CREATE TABLE outcome (
  id         INTEGER PRIMARY KEY,
  state      INTEGER NOT NULL,
  agent      INTEGER NOT NULL,
  attempt    INTEGER NOT NULL,
  started    INTEGER,
  finished   INTEGER,
  at         INTEGER NOT NULL,
  code       INTEGER NOT NULL,
  error      TEXT,
  reply_kind INTEGER NOT NULL,
  reply      BLOB,
  emitted    INTEGER NOT NULL
);

-- The attempts that failed and were or will be made again.
CREATE TABLE attempt (
  id       INTEGER NOT NULL,
  attempt  INTEGER NOT NULL,
  agent    INTEGER NOT NULL,
  started  INTEGER,
  finished INTEGER,
  code     INTEGER NOT NULL,
  error    TEXT,
  next_due INTEGER,
  PRIMARY KEY (id, attempt)
) WITHOUT ROWID;

-- Durable starts of deliveries that are not over. mark: 0 none, 1 started, 2 started alone.
CREATE TABLE start (
  id      INTEGER PRIMARY KEY,
  mark    INTEGER NOT NULL,
  crashes INTEGER NOT NULL
);

CREATE TABLE dead (
  id INTEGER PRIMARY KEY
);

CREATE TABLE state (
  agent INTEGER NOT NULL,
  key   TEXT NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (agent, key)
) WITHOUT ROWID;

-- One row a commit.
CREATE TABLE commits (
  no          INTEGER PRIMARY KEY,
  at          INTEGER NOT NULL,
  first_event INTEGER NOT NULL,  -- number of its first event, or of the next one if it has none
  events      INTEGER NOT NULL,
  identities  BLOB NOT NULL,     -- an event: identity (16 bytes), content (8), big-endian
  outcomes    BLOB NOT NULL,     -- a delivery: zigzag varint of the step from the one before, varint shard
  ledger      TEXT NOT NULL,     -- after it, ever: accepted done dead cancelled superseded expired purged,
                                 -- of the events, then of the deliveries
  low_water   INTEGER NOT NULL   -- smallest number of a pending event after it
);

-- For people.
CREATE VIEW delivery AS
  SELECT e.shard || '-' || e.no AS event,
         a.name AS agent,
         e.key,
         CASE o.state WHEN 3 THEN 'done' WHEN 4 THEN 'dead' WHEN 5 THEN 'cancelled'
                      WHEN 6 THEN 'superseded' WHEN 7 THEN 'expired' WHEN 8 THEN 'purged'
                      ELSE 'pending' END AS state,
         strftime('%Y-%m-%dT%H:%M:%fZ', e.at / 1e9, 'unixepoch') AS accepted,
         strftime('%Y-%m-%dT%H:%M:%fZ', o.at / 1e9, 'unixepoch') AS ended,
         o.attempt,
         o.error,
         o.reply
  FROM event e, json_each(e.deliveries) d
  LEFT JOIN agent a ON a.no = d.value
  LEFT JOIN outcome o ON o.id = e.no * 16 + d.key;

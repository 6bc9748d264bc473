-- Times are nanoseconds since 1970 UTC but in `lease` and `member`, which know the database's clock alone. States: 3 done, 4 dead,
-- 5 cancelled, 6 superseded, 7 expired, 8 purged. A delivery's number is event number * 16 + its index in the event's list of
-- deliveries. Keys, ids, errors and values are bytes: they may be what no text of this database can be. `shard` leads every primary
-- key, so that the tables can be spread by it. crc: CRC-32C over the other columns (record_crc.hpp).

CREATE TABLE meta (
  name  text PRIMARY KEY,
  value text NOT NULL
);

CREATE TABLE agent (
  no   integer PRIMARY KEY,
  name bytea NOT NULL UNIQUE
);

-- An opening of an engine: of each process another one.
CREATE TABLE owner (
  no     bigint PRIMARY KEY,
  name   text NOT NULL,            -- node:boot nonce
  node   text NOT NULL,
  closed boolean NOT NULL DEFAULT false, -- in order
  probed bigint NOT NULL DEFAULT 0 -- written to know that what is before it is where commits must be
);

CREATE TABLE member (
  owner   text PRIMARY KEY,
  node    text NOT NULL,
  boot    text NOT NULL,
  address text NOT NULL,
  weight  bigint NOT NULL,
  zone    text NOT NULL,
  leaving boolean NOT NULL, -- takes nothing any more
  until   timestamptz NOT NULL
);

-- Touched by takeover and renewal. Lock order: lease, then fence, each in order of shard.
CREATE TABLE lease (
  shard integer PRIMARY KEY,
  epoch bigint NOT NULL,
  owner text NOT NULL,
  until timestamptz NOT NULL
) WITH (fillfactor = 50);

-- Touched by takeover and by commits, which lock, check and count in one statement. totals: of the shard's events, then of its
-- deliveries, ever: accepted done dead cancelled superseded expired purged. at, last: time and xid of the last commit to it.
CREATE TABLE fence (
  shard  integer PRIMARY KEY,
  epoch  bigint NOT NULL,
  owner  text NOT NULL,
  at     bigint NOT NULL,
  last   xid8 NOT NULL,
  totals bigint[] NOT NULL
) WITH (fillfactor = 20);

-- Appended, never changed.
CREATE TABLE event (
  no         bigint NOT NULL,
  at         bigint NOT NULL,
  due        bigint,
  expires    bigint,
  shard      integer NOT NULL,
  crc        integer NOT NULL,
  priority   smallint NOT NULL,
  deliveries text NOT NULL,         -- JSON array of agent numbers
  key        bytea NOT NULL,
  id         bytea NOT NULL,
  body       bytea NOT NULL,
  PRIMARY KEY (shard, no)
);
ALTER TABLE event ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX event_by_no ON event (no);
-- Which parts of the table may have a time, a key, an id: some bytes a megabyte, nothing to be kept up while events come in.
CREATE INDEX event_parts ON event USING brin (
  at int8_minmax_ops,
  key bytea_bloom_ops (n_distinct_per_range = 2000, false_positive_rate = 0.01),
  id bytea_bloom_ops (n_distinct_per_range = 4000, false_positive_rate = 0.01)
) WITH (pages_per_range = 128);
-- A part that is summed up costs each event that comes into it ten times as much: that is done when it is full.
SELECT brin_desummarize_range('event_parts', 0);

-- The end of a delivery. Inserted once, never changed.
CREATE TABLE outcome (
  id         bigint NOT NULL,
  at         bigint NOT NULL,
  started    bigint,
  finished   bigint,
  shard      integer NOT NULL,
  agent      integer NOT NULL,
  attempt    integer NOT NULL,
  emitted    integer NOT NULL,
  crc        integer NOT NULL,
  state      smallint NOT NULL,
  code       smallint NOT NULL,
  reply_kind smallint NOT NULL,
  error      bytea NOT NULL,
  reply      bytea NOT NULL,
  PRIMARY KEY (shard, id)
);
ALTER TABLE outcome ALTER COLUMN reply SET STORAGE EXTERNAL;

-- The turns that failed (code > 0) or slept (0) and are or were followed by another one.
CREATE TABLE attempt (
  id       bigint NOT NULL,
  started  bigint,
  finished bigint,
  next_due bigint,
  shard    integer NOT NULL,
  attempt  integer NOT NULL,
  agent    integer NOT NULL,
  crc      integer NOT NULL,
  code     smallint NOT NULL,
  error    bytea NOT NULL,
  PRIMARY KEY (shard, id, attempt)
);
CREATE INDEX attempt_by_id ON attempt (id);

-- Durable starts of deliveries that are not over. mark: 0 none, 1 started, 2 started alone.
CREATE TABLE start (
  shard   integer NOT NULL,
  id      bigint NOT NULL,
  mark    smallint NOT NULL,
  crashes integer NOT NULL,
  PRIMARY KEY (shard, id)
);

CREATE TABLE dead (
  shard integer NOT NULL,
  id    bigint NOT NULL,
  PRIMARY KEY (shard, id)
);
CREATE INDEX dead_by_id ON dead (id);

-- shard: of the key.
CREATE TABLE state (
  shard integer NOT NULL,
  agent integer NOT NULL,
  crc   integer NOT NULL,
  key   bytea NOT NULL,
  value bytea NOT NULL,
  PRIMARY KEY (shard, agent, key)
) WITH (fillfactor = 70);
CREATE INDEX state_by_key ON state (agent, key);

-- When pending events are due (kind 0) and when they expire (1). A row may be there for an event that is over.
CREATE TABLE timer (
  shard  integer NOT NULL,
  second bigint NOT NULL,
  no     bigint NOT NULL,
  kind   smallint NOT NULL,
  at     bigint NOT NULL,
  PRIMARY KEY (shard, second, no, kind)
);

-- One row a commit of an owner. Its number grows by one; a row that was made so that an earlier try can never come (void) has no
-- content. xid: the order in which the commits of all owners are told. pg_commit_codec.hpp has the bytes.
CREATE TABLE commits (
  owner    bigint NOT NULL,
  no       bigint NOT NULL,
  xid      xid8 NOT NULL DEFAULT pg_current_xact_id(),
  at       bigint NOT NULL,
  first    bigint NOT NULL,   -- number of its first event, or of the next one if it has none
  events   integer NOT NULL,
  crc      integer NOT NULL,
  void     boolean NOT NULL DEFAULT false,
  accepted bytea NOT NULL,    -- an event: identity, content, shard, deliveries, whether it is delayed
  outcomes bytea NOT NULL,    -- a delivery: its number, shard
  changes  bytea NOT NULL,    -- a failed turn or one that slept: the delivery's number, its own
  digest   bytea NOT NULL,    -- over the one before of this owner, the row and the CRCs of the commit's records
  PRIMARY KEY (owner, no)
);
CREATE INDEX commits_by_xid ON commits (xid);
ALTER TABLE commits ALTER COLUMN accepted SET STORAGE EXTERNAL, ALTER COLUMN outcomes SET STORAGE EXTERNAL;

-- What a takeover reads in the place of history. A row a shard: pending_range holds for the store as it was after commit `upto`, the
-- closed buckets have all identities up to commit `identities`.
CREATE TABLE saved (
  shard      integer PRIMARY KEY,
  upto       xid8 NOT NULL,
  identities xid8 NOT NULL
) WITH (fillfactor = 20);

CREATE TABLE pending_range (
  shard integer NOT NULL,
  range bigint NOT NULL,      -- event number / events of a range
  crc   integer NOT NULL,
  marks bytea NOT NULL,       -- pg_saved_codec.hpp
  PRIMARY KEY (shard, range)
);

-- Closed buckets of identities (pg_window.hpp). Never changed.
CREATE TABLE dedupe_bucket (
  shard      integer NOT NULL,
  bucket     bigint NOT NULL,
  last_at    bigint NOT NULL, -- time of the last one
  identities integer NOT NULL,
  blocks     integer NOT NULL,
  crc        integer NOT NULL,
  filter     bytea NOT NULL,
  PRIMARY KEY (shard, bucket)
);
CREATE TABLE dedupe_block (
  shard   integer NOT NULL,
  bucket  bigint NOT NULL,
  block   integer NOT NULL,
  crc     integer NOT NULL,
  entries bytea NOT NULL,
  PRIMARY KEY (shard, bucket, block)
);
ALTER TABLE dedupe_bucket ALTER COLUMN filter SET STORAGE EXTERNAL;
ALTER TABLE dedupe_block ALTER COLUMN entries SET STORAGE EXTERNAL;

-- Retention: events of commits that are gone, which stay: pending, dead, or over for too short a time.
CREATE TABLE survivor (
  shard integer NOT NULL,
  no    bigint NOT NULL,
  PRIMARY KEY (shard, no)
);
-- One row. upto: the last commit that is gone; dropped: events that are; summed: pages of `event` whose parts are summed up.
CREATE TABLE kept (
  id      integer PRIMARY KEY,
  upto    xid8 NOT NULL,
  dropped bigint NOT NULL,
  summed  bigint NOT NULL
);
INSERT INTO kept VALUES (1, '0', 0, 0);

CREATE SEQUENCE owner_no;
-- Blocks of event numbers, given to owners one by one.
CREATE SEQUENCE number_block MINVALUE 0;
CREATE SEQUENCE dedupe_no;

-- For people.
CREATE VIEW delivery AS
  SELECT e.shard || '-' || e.no AS event,
         encode(a.name, 'escape') AS agent,
         encode(e.key, 'escape') AS key,
         CASE o.state WHEN 3 THEN 'done' WHEN 4 THEN 'dead' WHEN 5 THEN 'cancelled' WHEN 6 THEN 'superseded'
                      WHEN 7 THEN 'expired' WHEN 8 THEN 'purged' ELSE 'pending' END AS state,
         to_timestamp(e.at / 1e9) AS accepted,
         to_timestamp(o.at / 1e9) AS ended,
         o.attempt,
         encode(o.error, 'escape') AS error,
         encode(o.reply, 'escape') AS reply
  FROM event e
  CROSS JOIN LATERAL json_array_elements_text(e.deliveries::json) WITH ORDINALITY AS d(agent, place)
  LEFT JOIN agent a ON a.no = d.agent::integer
  LEFT JOIN outcome o ON o.shard = e.shard AND o.id = e.no * 16 + d.place - 1;

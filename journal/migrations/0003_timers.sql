-- When pending events are due and when they expire, in buckets of time (timer_buckets.hpp). Made from `event`; a row may
-- be there for an event that is over.

CREATE TABLE timer (
  bucket INTEGER NOT NULL,  -- level << 48 | second at which it begins
  no     INTEGER NOT NULL,  -- of the event
  kind   INTEGER NOT NULL,  -- 0 due, 1 expires
  at     INTEGER NOT NULL,
  shard  INTEGER NOT NULL,
  PRIMARY KEY (bucket, no, kind)
) WITHOUT ROWID;

INSERT INTO timer SELECT due / 1000000000, no, 0, due, shard FROM event WHERE due > at;
INSERT INTO timer SELECT expires / 1000000000, no, 1, expires, shard FROM event WHERE expires IS NOT NULL;

-- What is pending, by ranges of event numbers, so that a start reads no history: each row holds for the store as it was after
-- commit `upto`. Derived from `event` and `outcome`, and made anew from them if it is damaged.
CREATE TABLE pending_range (
  no     INTEGER PRIMARY KEY,   -- event number / events of a range
  upto   INTEGER NOT NULL,
  events INTEGER NOT NULL,
  marks  BLOB NOT NULL,         -- as in pending_codec.hpp
  crc    INTEGER NOT NULL
);

-- One row: a range without a row has no pending event after commit `upto`; the others hold for it or for a later one.
CREATE TABLE pending_saved (
  id           INTEGER PRIMARY KEY,
  upto         INTEGER NOT NULL,
  range_events INTEGER NOT NULL,
  routes       INTEGER NOT NULL, -- rows of `route`
  crc          INTEGER NOT NULL
);

-- The lists of deliveries that the marks name.
CREATE TABLE route (
  code       INTEGER PRIMARY KEY,
  deliveries TEXT NOT NULL,     -- JSON array of agent numbers
  crc        INTEGER NOT NULL
);

-- Retention. One row, once something was dropped: where what is kept begins.
CREATE TABLE kept (
  id           INTEGER PRIMARY KEY,
  first_commit INTEGER NOT NULL, -- the oldest row of `commits`
  before       BLOB NOT NULL,    -- digest of the commit before it
  first_event  INTEGER NOT NULL, -- of that commit, or of the next one if it has none
  swept_to     INTEGER NOT NULL, -- of the events below, only those remain that are pending, dead or in `late`
  dropped      TEXT NOT NULL,    -- events and deliveries that are gone, as in commits.ledger
  crc          INTEGER NOT NULL
);

-- Events below kept.swept_to that ended later than what was dropped then; they go when that time is over too.
CREATE TABLE late (
  ended INTEGER NOT NULL,
  no    INTEGER NOT NULL,
  PRIMARY KEY (ended, no)
) WITHOUT ROWID;

-- Checksums of what had none: one over `meta` (in its row 'crc'), one a row of the others.
ALTER TABLE agent ADD COLUMN crc INTEGER;
ALTER TABLE fence ADD COLUMN crc INTEGER;
ALTER TABLE start ADD COLUMN crc INTEGER;

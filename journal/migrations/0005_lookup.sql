-- Events of closed ranges by the hash of their key and of their id; journal/lookup_blocks.hpp has the entries. Derived from
-- `event`: what is lost is built again.

-- no = (range * 2 + kind) * blocks of a range + block; kind: 0 key, 1 id. The CRC-32C covers number and entries.
CREATE TABLE lookup (
  no      INTEGER PRIMARY KEY,
  entries BLOB NOT NULL,
  crc     INTEGER NOT NULL
);

-- Ranges all of whose blocks are there. size: events of a range.
CREATE TABLE lookup_range (
  no   INTEGER PRIMARY KEY,
  size INTEGER NOT NULL
);

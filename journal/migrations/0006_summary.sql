-- Which of 16 neighbouring closed ranges may have the hash of a key or of an id; journal/lookup_summary.hpp has the words. Derived
-- from `lookup`: what is lost is built again.

-- no = (group * 2 + kind) * blocks of a group + block; kind: 0 key, 1 id. The CRC-32C covers number and words.
CREATE TABLE lookup_summary (
  no    INTEGER PRIMARY KEY,
  words BLOB NOT NULL,
  crc   INTEGER NOT NULL
);

-- Groups all of whose blocks are there: of the ranges 16 * no to 16 * no + 15. size: events of a range.
CREATE TABLE lookup_group (
  no   INTEGER PRIMARY KEY,
  size INTEGER NOT NULL
);

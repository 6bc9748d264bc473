-- Damage is found: each record has a CRC-32C over its columns (`crc`), and the commits form a chain. Rows from before this
-- step have neither; `meta` says up to which event and which commit.

ALTER TABLE event ADD COLUMN crc INTEGER;
ALTER TABLE outcome ADD COLUMN crc INTEGER;
ALTER TABLE attempt ADD COLUMN crc INTEGER;
ALTER TABLE state ADD COLUMN crc INTEGER;

-- What a commit wrote beside events and outcomes; NULL if nothing. A CRC-32C over its agents, starts and states as they were
-- written (4 bytes), then of each attempt the delivery's number (8) and the attempt's (4), big-endian.
ALTER TABLE commits ADD COLUMN changes BLOB;
ALTER TABLE commits ADD COLUMN crc INTEGER;
-- SipHash-2-4 (128 bits) over the digest of the commit before, the number, the row's CRC and the CRCs of the commit's
-- events, outcomes and attempts.
ALTER TABLE commits ADD COLUMN digest BLOB;

INSERT INTO meta SELECT 'unchecked_events', coalesce(max(no), 0) FROM event;
INSERT INTO meta SELECT 'unchecked_commits', coalesce(max(no), 0) FROM commits;
-- 1: the file high-water has been made, and must be there.
INSERT INTO meta VALUES ('high_water', 0);

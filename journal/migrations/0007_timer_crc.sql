-- A time that is not as it was written is found: the CRC-32C covers no, kind, at and shard. Rows from before this step are
-- taken as they are.

ALTER TABLE timer ADD COLUMN crc INTEGER;
UPDATE timer SET crc = row_crc(no, kind, at, shard);

-- The marks say now which events expire: they are made anew from the rows, once.
DELETE FROM pending_saved;

-- Snapshots are kept for as long as the log that they stand in, for questions about the past: their parts are deflated
-- (RFC 1950). Parts that were written before stay as they are, JSON; their first octet tells them apart.
CREATE TABLE snapshot_packed (
  batch INTEGER NOT NULL REFERENCES snapshot (batch) ON DELETE CASCADE,
  part INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (batch, part)
) STRICT;

INSERT INTO snapshot_packed (batch, part, body) SELECT batch, part, CAST(body AS BLOB) FROM snapshot_part;
DROP TABLE snapshot_part;
ALTER TABLE snapshot_packed RENAME TO snapshot_part;

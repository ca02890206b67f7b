-- Retention: the log may lose its beginning. What the lost batches came to is kept as the base, and the chain of hashes goes
-- on from the hash of the last of them.

-- What was removed from the beginning of the log, one row for each time. The newest row tells where the log begins now. Rows
-- of batches and events up to there that are still in their tables count for nothing: they are removed bit by bit.
CREATE TABLE removal (
  id INTEGER PRIMARY KEY,
  first_batch INTEGER NOT NULL,
  last_batch INTEGER NOT NULL CHECK (last_batch >= first_batch),
  first_position INTEGER NOT NULL,
  last_position INTEGER NOT NULL CHECK (last_position >= first_position),
  -- Unix milliseconds: the times of these batches.
  first_time INTEGER NOT NULL,
  last_time INTEGER NOT NULL,
  -- The hash of the last batch that was removed.
  anchor BLOB NOT NULL CHECK (length(anchor) = 32),
  -- SHA-256 over the base of this batch: see src/projection/base.ts.
  base BLOB NOT NULL CHECK (length(base) = 32),
  -- Unix milliseconds: when it was removed; and what asked for it.
  removed_at INTEGER NOT NULL,
  reason TEXT NOT NULL,
  -- SHA-256 over the hash of the row before and all columns of this one: see src/ingest/removal.ts.
  hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

-- The state of all clusters after a batch that was removed: part 0 is its head. Of use is only the base of the newest removal;
-- others are being written or being removed.
CREATE TABLE base_part (
  batch INTEGER NOT NULL,
  part INTEGER NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (batch, part)
) STRICT;

CREATE TRIGGER removal_is_not_updated BEFORE UPDATE ON removal
BEGIN
  SELECT raise(ABORT, 'what was removed stays told');
END;

CREATE TRIGGER removal_is_not_deleted BEFORE DELETE ON removal
BEGIN
  SELECT raise(ABORT, 'what was removed stays told');
END;

CREATE TRIGGER base_is_not_updated BEFORE UPDATE ON base_part
BEGIN
  SELECT raise(ABORT, 'the base of the event log stays as it is');
END;

CREATE TRIGGER base_is_not_deleted BEFORE DELETE ON base_part
WHEN old.batch = (SELECT last_batch FROM removal ORDER BY id DESC LIMIT 1)
BEGIN
  SELECT raise(ABORT, 'the base of the event log stays as it is');
END;

-- Only what a removal tells of may go; nothing may be changed, by nobody.
DROP TRIGGER batch_is_not_updated;
DROP TRIGGER batch_is_not_deleted;
DROP TRIGGER event_is_not_updated;
DROP TRIGGER event_is_not_deleted;
DROP TABLE compaction;

CREATE TRIGGER batch_is_not_updated BEFORE UPDATE ON batch
BEGIN
  SELECT raise(ABORT, 'the event log is append-only');
END;

CREATE TRIGGER batch_is_not_deleted BEFORE DELETE ON batch
WHEN old.batch > coalesce((SELECT last_batch FROM removal ORDER BY id DESC LIMIT 1), 0)
BEGIN
  SELECT raise(ABORT, 'the event log is append-only');
END;

CREATE TRIGGER event_is_not_updated BEFORE UPDATE ON event
BEGIN
  SELECT raise(ABORT, 'the event log is append-only');
END;

CREATE TRIGGER event_is_not_deleted BEFORE DELETE ON event
WHEN old.position > coalesce((SELECT last_position FROM removal ORDER BY id DESC LIMIT 1), 0)
BEGIN
  SELECT raise(ABORT, 'the event log is append-only');
END;

-- The events of an object, in the order of their positions: its history, and whether there is any left.
CREATE INDEX event_object ON event (object);

-- The event log: what was learnt about clusters, in the order in which it was learnt. Only ever appended to.

-- Text that comes again and again (cluster ids, event kinds, object kinds, managers), once each.
CREATE TABLE word (
  id INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
) STRICT;

-- What events are about. `kind` is a kind of Kubernetes object; or 'Cluster', whose keys are such kinds (ClusterSynced,
-- ClusterLost); or 'Plan', with an empty cluster and key (PlanApplied).
CREATE TABLE object (
  id INTEGER PRIMARY KEY,
  cluster INTEGER NOT NULL REFERENCES word (id),
  kind INTEGER NOT NULL REFERENCES word (id),
  key TEXT NOT NULL,
  UNIQUE (kind, cluster, key)
) STRICT;

-- Events that were committed together.
CREATE TABLE batch (
  batch INTEGER PRIMARY KEY,
  -- Unix time, milliseconds; never lower than that of the batch before.
  time INTEGER NOT NULL,
  -- Its events have the positions first … first + count - 1.
  first INTEGER NOT NULL,
  count INTEGER NOT NULL CHECK (count > 0),
  -- SHA-256 over the hash of the batch before and all that is stored of this one: see src/ingest/log.ts.
  hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE event (
  position INTEGER PRIMARY KEY,
  batch INTEGER NOT NULL,
  object INTEGER NOT NULL,
  -- 'ServiceUpserted', 'ServiceDeleted', … 'ClusterSynced', 'ClusterLost', 'PlanApplied'.
  kind INTEGER NOT NULL,
  -- JSON with sorted keys: facts, reason or plan; a difference to the object's last facts where `checksum` is not null;
  -- null where the kind says it all.
  body TEXT,
  -- CRC-32 of the JSON that the difference leads to.
  checksum INTEGER,
  -- Version of the body's shape, so that later programs can read older bodies.
  schema INTEGER NOT NULL,
  resource_version TEXT,
  manager INTEGER
) STRICT;

-- Up to where each list and watch has been followed. Not history: replaced in the transaction of the events it covers.
CREATE TABLE watch_position (
  cluster TEXT NOT NULL,
  kind TEXT NOT NULL,
  -- A namespace (or, for Namespace itself, a name); '' is all.
  scope TEXT NOT NULL,
  resource_version TEXT NOT NULL,
  PRIMARY KEY (cluster, kind, scope)
) STRICT, WITHOUT ROWID;

-- A row is here only inside a transaction that removes old batches under the eyes of the program.
CREATE TABLE compaction (
  reason TEXT NOT NULL
) STRICT;

CREATE TRIGGER batch_is_not_updated BEFORE UPDATE ON batch
WHEN NOT EXISTS (SELECT 1 FROM compaction)
BEGIN
  SELECT raise(ABORT, 'the event log is append-only');
END;

CREATE TRIGGER batch_is_not_deleted BEFORE DELETE ON batch
WHEN NOT EXISTS (SELECT 1 FROM compaction)
BEGIN
  SELECT raise(ABORT, 'the event log is append-only');
END;

CREATE TRIGGER event_is_not_updated BEFORE UPDATE ON event
WHEN NOT EXISTS (SELECT 1 FROM compaction)
BEGIN
  SELECT raise(ABORT, 'the event log is append-only');
END;

CREATE TRIGGER event_is_not_deleted BEFORE DELETE ON event
WHEN NOT EXISTS (SELECT 1 FROM compaction)
BEGIN
  SELECT raise(ABORT, 'the event log is append-only');
END;

-- The numbers above mean nothing without these two tables: they may grow, but what is there stays as it is.
CREATE TRIGGER word_is_not_changed BEFORE UPDATE ON word
BEGIN
  SELECT raise(ABORT, 'the event log is append-only');
END;

CREATE TRIGGER object_is_not_changed BEFORE UPDATE ON object
BEGIN
  SELECT raise(ABORT, 'the event log is append-only');
END;

-- The log as one reads it in the sqlite3 shell.
CREATE VIEW event_text AS
SELECT
  event.position,
  event.batch,
  strftime('%Y-%m-%dT%H:%M:%fZ', batch.time / 1000.0, 'unixepoch') AS time,
  cluster.text AS cluster,
  kind.text AS kind,
  object.key,
  event.body,
  event.checksum IS NOT NULL AS is_difference,
  event.resource_version,
  manager.text AS manager
FROM event
JOIN batch ON batch.batch = event.batch
JOIN object ON object.id = event.object
JOIN word AS cluster ON cluster.id = object.cluster
JOIN word AS kind ON kind.id = event.kind
LEFT JOIN word AS manager ON manager.id = event.manager;

-- The journal: which versions each zone had, and the records in which neighbours differ.

CREATE TABLE zone (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;

-- One row for each published version. Serials wrap (RFC 1982), so versions are ordered by their batch.
CREATE TABLE zone_version (
  zone INTEGER NOT NULL REFERENCES zone (id),
  batch INTEGER NOT NULL,
  serial INTEGER NOT NULL,
  -- Unix milliseconds: the time of the batch.
  time INTEGER NOT NULL,
  PRIMARY KEY (zone, batch)
) STRICT, WITHOUT ROWID;

-- How a version came from the one before it. A zone's first version has no row. Records are packed in wire form. Changes
-- that follow on each other are a chain: the sums make it possible to know how long a part of it is without reading it.
CREATE TABLE zone_change (
  id INTEGER PRIMARY KEY,
  zone INTEGER NOT NULL REFERENCES zone (id),
  batch INTEGER NOT NULL,
  serial_from INTEGER NOT NULL,
  serial_to INTEGER NOT NULL,
  -- Batch of the version that the chain began with, and the place in the chain: 1, 2, …
  base INTEGER NOT NULL,
  step INTEGER NOT NULL,
  removed_count INTEGER NOT NULL,
  added_count INTEGER NOT NULL,
  -- Sums over the chain up to and with this change: records removed and added, octets of the blobs.
  records INTEGER NOT NULL,
  octets INTEGER NOT NULL,
  soas BLOB NOT NULL,
  removed BLOB NOT NULL,
  added BLOB NOT NULL,
  UNIQUE (zone, batch)
) STRICT;

CREATE INDEX zone_change_from ON zone_change (zone, serial_from);

-- The last batch whose versions are all in the journal.
CREATE TABLE projection_position (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  batch INTEGER NOT NULL
) STRICT;

-- The state of all clusters after a batch, so that a start need not replay the whole log. Whole only when `is_complete`.
CREATE TABLE snapshot (
  batch INTEGER PRIMARY KEY,
  is_complete INTEGER NOT NULL CHECK (is_complete IN (0, 1)),
  -- The plan in force and the serial of each zone, as JSON.
  head TEXT NOT NULL
) STRICT;

CREATE TABLE snapshot_part (
  batch INTEGER NOT NULL REFERENCES snapshot (batch) ON DELETE CASCADE,
  part INTEGER NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (batch, part)
) STRICT;

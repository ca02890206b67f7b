-- Zones of other servers: when a primary was last found to have no newer version than ours, and until when the zone may be
-- answered from. Not history: replaced by what is newer. Unix milliseconds.
CREATE TABLE zone_times (
  zone TEXT PRIMARY KEY,
  refreshed_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

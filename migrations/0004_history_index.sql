-- What questions about the past need beside the events of an object (event_object): the objects that ever had an address or a
-- name in them. It can be made again from the log.

-- Which objects were ever told to have a term: an address; `namespace/name` of the service of a slice, or of the gateway of a
-- route; a host. See src/ingest/terms.ts. It may hold more than that, never less: whoever reads it looks at the objects.
CREATE TABLE mention (
  term TEXT NOT NULL,
  object INTEGER NOT NULL,
  PRIMARY KEY (term, object)
) STRICT, WITHOUT ROWID;

-- Of what is in the log already: every text that could be an address, a host or a key; and the names of slices' services.
INSERT OR IGNORE INTO mention (term, object)
SELECT DISTINCT atom.value, event.object
FROM event
JOIN object ON object.id = event.object
JOIN word ON word.id = object.kind AND word.text NOT IN ('Cluster', 'Plan', 'Zone', 'Member'),
json_tree(event.body) AS atom
WHERE event.body IS NOT NULL AND atom.type = 'text' AND length(atom.value) <= 255
  AND (atom.value LIKE '%.%' OR atom.value LIKE '%:%' OR atom.value LIKE '%/%');

INSERT OR IGNORE INTO mention (term, object)
SELECT DISTINCT substr(object.key, 1, instr(object.key, '/')) || atom.value, event.object
FROM event
JOIN object ON object.id = event.object
JOIN word ON word.id = object.kind AND word.text = 'EndpointSlice',
json_tree(event.body) AS atom
WHERE event.body IS NOT NULL AND atom.type = 'text' AND atom.fullkey LIKE '%service%';

-- Annotations are lists with commas, in any letter case.
INSERT OR IGNORE INTO mention (term, object)
SELECT DISTINCT lower(rtrim(host.value, '.')), event.object
FROM event
JOIN object ON object.id = event.object
JOIN word ON word.id = object.kind AND word.text = 'Service',
json_tree(event.body) AS atom,
json_each(replace(replace(json_array(atom.value), ' ', ''), ',', '","')) AS host
WHERE event.body LIKE '%"annotations"%' AND atom.type = 'text' AND length(host.value) <= 255;

-- name: newest_about
-- The newest of some deeds about one thing, among the newest entries.
-- Parameters: about, deeds: array; looked: how many entries are looked at.
-- Rows: none or one: at, who, did.
-- Index: trail_pkey.
SELECT at, who, did FROM (
  SELECT entry_id, at, who, did, about FROM access.trail
  ORDER BY entry_id DESC LIMIT %(looked)s
) AS newest
WHERE about = %(about)s AND did = ANY(%(deeds)s) ORDER BY entry_id DESC LIMIT 1;

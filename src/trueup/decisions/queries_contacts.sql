-- name: lock_customer
-- Waits until nobody else decides whether a customer is written to; until the transaction ends.
-- Parameters: digests: of all their persons and addresses, in order.
-- Rows: many: one a digest.
-- Index: none.
SELECT pg_advisory_xact_lock(7102035, hashtext(encode(d, 'hex')))
FROM unnest(%(digests)s::bytea[]) AS t (d);

-- name: contacts_of
-- What a customer got, or may still get, since an instant.
-- Parameters: persons, addresses; since: instant.
-- Rows: many, oldest first: at, purpose, about, urgency.
-- Index: contact_person, contact_address.
SELECT at, purpose, about, urgency FROM decisions.contact
WHERE (person = ANY(%(persons)s::bytea[]) OR address = ANY(%(addresses)s::bytea[]))
  AND at > %(since)s AND NOT void
ORDER BY at;

-- name: note_contact
-- Keeps that a message to a customer was ordered; one that is kept already stays as it is.
-- Parameters: ref, decision_id, person, address, purpose, medium, about, urgency; at: instant.
-- Rows: none.
-- Index: the unique ref of contact.
INSERT INTO decisions.contact
  (ref, decision_id, person, address, purpose, medium, about, urgency, at)
VALUES (%(ref)s, %(decision_id)s, %(person)s, %(address)s, %(purpose)s, %(medium)s, %(about)s,
  %(urgency)s, %(at)s)
ON CONFLICT (ref) DO NOTHING;

-- name: close_contacts
-- Says when messages left, or that they never reached anybody; commands that are no messages to
-- customers are passed over.
-- Parameters: arrays of equal length: refs, ats (null: as it was), voids.
-- Rows: none.
-- Index: the unique ref of contact.
UPDATE decisions.contact c SET at = coalesce(t.at, c.at), void = t.void
FROM unnest(%(refs)s::text[], %(ats)s::timestamptz[], %(voids)s::boolean[]) AS t (ref, at, void)
WHERE c.ref = t.ref AND (c.at <> coalesce(t.at, c.at) OR c.void <> t.void);

-- name: contacts_of_decisions
-- The messages of some decisions.
-- Parameters: decision_ids.
-- Rows: many, oldest first: decision_id, ref, purpose, medium, about, at, void.
-- Index: contact_decision.
SELECT decision_id, ref, purpose, medium, about, at, void FROM decisions.contact
WHERE decision_id = ANY(%(decision_ids)s::bigint[]) ORDER BY contact_id;

-- One key per person, wrapped by the master key. Destroying it makes all that it sealed unreadable.
CREATE SCHEMA govern;

CREATE TABLE govern.person (
  person bytea PRIMARY KEY CHECK (length(person) = 16),
  wrapped bytea,
  email_index bytea,
  phone_index bytea,
  created_at timestamptz NOT NULL DEFAULT now(),
  destroyed_at timestamptz,
  CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL))
);
CREATE INDEX person_email ON govern.person (email_index) WHERE email_index IS NOT NULL;
CREATE INDEX person_phone ON govern.person (phone_index) WHERE phone_index IS NOT NULL;

-- Proof that an erasure was carried out, without anything personal.
CREATE TABLE govern.erasure (
  erasure_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id bigint,
  request text NOT NULL,
  persons integer NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT now(),
  done_at timestamptz
);

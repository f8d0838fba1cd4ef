-- What was last ordered for the CRM of each customer: it is told anew once they are in another band.
-- It goes with the customer, who is worked out without whoever was forgotten.
CREATE TABLE decisions.portrait (
  person bytea PRIMARY KEY REFERENCES decisions.patron ON DELETE CASCADE,
  connection_id integer NOT NULL,
  tier text NOT NULL,
  risk text NOT NULL,
  -- The day of their next purchase as it was told; null where they have no interval.
  next_on date,
  drawn_at timestamptz NOT NULL
);

SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, UPDATE, DELETE ON decisions.portrait');
SELECT trueup_meta.grant_to('trueup_reader', 'SELECT ON decisions.portrait');

-- Days are summed for journals. Most postings come in the order of their days, so a small index of
-- ranges finds a month without making every posting dearer.
CREATE INDEX money_posting_booked ON ledger.money_posting
  USING brin (booked_on) WITH (autosummarize = on);

-- Before then, what could not be sent is not proposed again: else each turn would propose, agree to and
-- withdraw it once more, for as long as its facts ask for it.
ALTER TABLE decisions.decision ADD COLUMN rests_until timestamptz;

-- In which language each member reads; empty: in the one that their browser asks for.
ALTER TABLE access.member
  ADD COLUMN language text NOT NULL DEFAULT '';

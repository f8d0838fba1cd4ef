-- Questions to lists that members gave a name: each is an address of the console.
CREATE TABLE access.view (
  view_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  member_id integer NOT NULL REFERENCES access.member,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
  address text NOT NULL CHECK (length(address) BETWEEN 1 AND 2000),
  made_at timestamptz NOT NULL,
  UNIQUE (member_id, name)
);

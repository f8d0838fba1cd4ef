-- Customers are listed by what is expected of them.
CREATE INDEX patron_worth ON decisions.patron (worth DESC, person);

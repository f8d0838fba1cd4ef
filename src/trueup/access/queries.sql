-- name: find_member
-- Finds who has a name and was not removed.
-- Parameters: folded: of the name.
-- Rows: none or one: member_id, name, role, password.
-- Index: member_folded_key.
SELECT member_id, name, role, password FROM access.member
WHERE folded = %(folded)s AND removed_at IS NULL;

-- name: any_member
-- Says whether anybody was ever a member.
-- Parameters: none.
-- Rows: none or one.
-- Index: none; the table is small.
SELECT 1 AS one FROM access.member LIMIT 1;

-- name: add_member
-- Keeps a new member, unless the name is or was somebody's.
-- Parameters: name, folded, role, password: hashed or null; now.
-- Rows: none or one: member_id, name, role, password.
-- Index: member_folded_key.
INSERT INTO access.member (name, folded, role, password, made_at)
VALUES (%(name)s, %(folded)s, %(role)s, %(password)s, %(now)s)
ON CONFLICT (folded) DO NOTHING
RETURNING member_id, name, role, password;

-- name: keep_password
-- Keeps another hash of a member's password.
-- Parameters: member_id, password.
-- Rows: none.
-- Index: member_pkey.
UPDATE access.member SET password = %(password)s WHERE member_id = %(member_id)s;

-- name: add_invite
-- Keeps the digest of a one-time link.
-- Parameters: digest, purpose, role, member_id, made_by, now, ends_at.
-- Rows: none.
-- Index: invite_digest_key.
INSERT INTO access.invite (digest, purpose, role, member_id, made_by, made_at, ends_at)
VALUES (%(digest)s, %(purpose)s, %(role)s, %(member_id)s, %(made_by)s, %(now)s, %(ends_at)s);

-- name: address_invite
-- Keeps whose a link is.
-- Parameters: digest, email.
-- Rows: none.
-- Index: invite_digest_key.
UPDATE access.invite SET email = %(email)s WHERE digest = %(digest)s;

-- name: end_invites
-- Removes links that are too old, and earlier ones of which only the newest may be good.
-- Parameters: purpose, member_id: or null; now.
-- Rows: none.
-- Index: none; the table is small.
DELETE FROM access.invite
WHERE ends_at <= %(now)s
  OR (purpose = %(purpose)s AND purpose = 'first')
  OR member_id = %(member_id)s;

-- name: end_invites_of
-- Removes the links of one member.
-- Parameters: member_id.
-- Rows: none.
-- Index: none; the table is small.
DELETE FROM access.invite WHERE member_id = %(member_id)s;

-- name: find_invite
-- Finds a link that is still good.
-- Parameters: digest, now.
-- Rows: none or one: invite_id, purpose, role, member_id, made_by, made_at, ends_at.
-- Index: invite_digest_key.
SELECT invite_id, purpose, role, member_id, made_by, made_at, ends_at FROM access.invite
WHERE digest = %(digest)s AND ends_at > %(now)s;

-- name: take_invite
-- Uses a link up.
-- Parameters: digest, now.
-- Rows: none or one: invite_id, purpose, role, member_id, made_by, made_at, ends_at.
-- Index: invite_digest_key.
DELETE FROM access.invite WHERE digest = %(digest)s AND ends_at > %(now)s
RETURNING invite_id, purpose, role, member_id, made_by, made_at, ends_at;

-- name: take_invite_of
-- Uses up the newest link that was made for an address.
-- Parameters: email, now.
-- Rows: none or one: invite_id, purpose, role, member_id, made_by, made_at, ends_at.
-- Index: invite_email.
DELETE FROM access.invite WHERE invite_id = (
  SELECT max(invite_id) FROM access.invite
  WHERE email = %(email)s AND ends_at > %(now)s AND purpose = 'join')
RETURNING invite_id, purpose, role, member_id, made_by, made_at, ends_at;

-- name: add_session
-- Keeps the digest of a session's secret.
-- Parameters: digest, member_id, now, address, browser.
-- Rows: none.
-- Index: session_digest_key.
INSERT INTO access.session (digest, member_id, made_at, seen_at, confirmed_at, address, browser)
VALUES (%(digest)s, %(member_id)s, %(now)s, %(now)s, %(now)s, %(address)s, %(browser)s);

-- name: find_session
-- Finds the session of a secret, with its member as they are now.
-- Parameters: digest; idle_from, whole_from: instants before which one is too old.
-- Rows: none or one: session_id, member_id, name, role, numbers, zone, language, seen_at,
-- confirmed_at; factor: whether they have a second one; passed: whether it was shown here.
-- Index: session_digest_key, member_pkey, factor_pkey.
SELECT s.session_id, s.member_id, m.name, m.role, m.numbers, m.zone, m.language, s.seen_at, s.confirmed_at,
  f.member_id IS NOT NULL AS factor, s.passed_at IS NOT NULL AS passed
FROM access.session s JOIN access.member m USING (member_id)
LEFT JOIN access.factor f ON f.member_id = m.member_id AND f.on_at IS NOT NULL
WHERE s.digest = %(digest)s AND m.removed_at IS NULL
  AND s.seen_at > %(idle_from)s AND s.made_at > %(whole_from)s;

-- name: mark_session_seen
-- Writes down that a session is used.
-- Parameters: session_id, now.
-- Rows: none.
-- Index: session_pkey.
UPDATE access.session SET seen_at = greatest(seen_at, %(now)s) WHERE session_id = %(session_id)s;

-- name: confirm_session
-- Writes down that the member of a session showed who they are, and takes another secret for it.
-- Parameters: session_id, digest, now.
-- Rows: none.
-- Index: session_pkey.
UPDATE access.session SET confirmed_at = %(now)s, digest = %(digest)s
WHERE session_id = %(session_id)s;

-- name: end_session
-- Ends one session of a member.
-- Parameters: session_id, member_id.
-- Rows: none; how many tells.
-- Index: session_pkey.
DELETE FROM access.session WHERE session_id = %(session_id)s AND member_id = %(member_id)s;

-- name: end_old_sessions
-- Removes sessions that are too old to be good again.
-- Parameters: idle_from, whole_from: instants before which one is too old.
-- Rows: none.
-- Index: none; the table is small.
DELETE FROM access.session WHERE seen_at <= %(idle_from)s OR made_at <= %(whole_from)s;

-- name: count_guess
-- Counts a guess as failed by each subject that need not wait; each failure after the free ones
-- doubles the wait. Failures that are old enough are forgotten.
-- Parameters: subjects (sorted), free, waits: arrays of equal length; now, forgotten.
-- Rows: many: subject, for those that were counted.
-- Index: guess_pkey, guess_tried.
WITH old AS (
  DELETE FROM access.guess WHERE subject IN (
    SELECT subject FROM access.guess
    WHERE tried_at < %(forgotten)s AND subject <> ALL (%(subjects)s::bytea[])
    LIMIT 100 FOR UPDATE SKIP LOCKED)
)
INSERT INTO access.guess AS g (subject, failures, tried_at, free_at)
SELECT subject, 1, %(now)s, %(now)s
FROM unnest(%(subjects)s::bytea[]) s(subject)
ON CONFLICT (subject) DO UPDATE
SET failures = CASE WHEN g.tried_at < %(forgotten)s THEN 1 ELSE g.failures + 1 END,
  tried_at = %(now)s,
  free_at = %(now)s::timestamptz + (
    SELECT CASE WHEN g.failures < a.free OR g.tried_at < %(forgotten)s THEN interval '0'
      ELSE least(a.wait_s, 2 ^ least(g.failures - a.free, 20)) * interval '1 second' END
    FROM unnest(%(subjects)s::bytea[], %(free)s::int[], %(waits)s::int[]) a(subject, free, wait_s)
    WHERE a.subject = g.subject)
WHERE g.free_at <= %(now)s
RETURNING subject;

-- name: guess_wait
-- Says how long the longest wait of some subjects still is.
-- Parameters: subjects, now.
-- Rows: one: wait_s.
-- Index: guess_pkey.
SELECT ceil(extract(epoch FROM max(free_at) - %(now)s::timestamptz))::int AS wait_s
FROM access.guess WHERE subject = ANY (%(subjects)s::bytea[]);

-- name: forget_guesses
-- Forgets the failures of some subjects.
-- Parameters: subjects.
-- Rows: none.
-- Index: guess_pkey.
DELETE FROM access.guess WHERE subject = ANY (%(subjects)s::bytea[]);

-- name: take_back_guess
-- Takes one failure of some subjects back.
-- Parameters: subjects.
-- Rows: none.
-- Index: guess_pkey.
UPDATE access.guess SET failures = greatest(1, failures - 1)
WHERE subject = ANY (%(subjects)s::bytea[]);

-- name: add_entry
-- Writes an entry of the trail.
-- Parameters: at, member_id: or null; who, did, about, address.
-- Rows: none.
-- Index: none.
INSERT INTO access.trail (at, member_id, who, did, about, address)
VALUES (%(at)s, %(member_id)s, %(who)s, %(did)s, %(about)s, %(address)s);

-- name: find_member_by_id
-- Finds a member who was not removed.
-- Parameters: member_id.
-- Rows: none or one: member_id, name, role, password.
-- Index: member_pkey.
SELECT member_id, name, role, password FROM access.member
WHERE member_id = %(member_id)s AND removed_at IS NULL;

-- name: list_members
-- Lists who is in the team, owners first.
-- Parameters: none.
-- Rows: many: name, role, made_at, sessions, seen_at; factor: whether they have a second one.
-- Index: none; the table is small.
SELECT m.name, m.role, m.made_at, count(s.session_id)::int AS sessions, max(s.seen_at) AS seen_at,
  EXISTS (SELECT FROM access.factor f WHERE f.member_id = m.member_id AND f.on_at IS NOT NULL)
    AS factor
FROM access.member m LEFT JOIN access.session s USING (member_id)
WHERE m.removed_at IS NULL
GROUP BY m.member_id
ORDER BY m.role <> 'owner', m.folded;

-- name: list_invites
-- Lists links that are still good.
-- Parameters: now.
-- Rows: many: invite_id, purpose, role, name: whose it is; made_by, made_at, ends_at, email.
-- Index: none; the table is small.
SELECT i.invite_id, i.purpose, i.role, m.name, i.made_by, i.made_at, i.ends_at, i.email
FROM access.invite i LEFT JOIN access.member m USING (member_id)
WHERE i.ends_at > %(now)s AND m.removed_at IS NULL
ORDER BY i.invite_id;

-- name: hold_members
-- Lets nobody else change who is in the team until the transaction ends.
-- Parameters: none.
-- Rows: none.
-- Index: none.
LOCK TABLE access.member IN SHARE ROW EXCLUSIVE MODE;

-- name: count_owners
-- Counts the owners.
-- Parameters: none.
-- Rows: one: owners.
-- Index: none; the table is small.
SELECT count(*)::int AS owners FROM access.member WHERE role = 'owner' AND removed_at IS NULL;

-- name: give_role
-- Gives a member another role.
-- Parameters: member_id, role.
-- Rows: none.
-- Index: member_pkey.
UPDATE access.member SET role = %(role)s WHERE member_id = %(member_id)s;

-- name: remove_member
-- Lets a member in no more, and ends their links.
-- Parameters: member_id, now.
-- Rows: none.
-- Index: member_pkey.
WITH ended AS (DELETE FROM access.invite WHERE member_id = %(member_id)s)
UPDATE access.member SET removed_at = %(now)s, password = NULL WHERE member_id = %(member_id)s;

-- name: end_sessions_of
-- Ends all sessions of a member.
-- Parameters: member_id.
-- Rows: none; how many tells.
-- Index: session_member.
DELETE FROM access.session WHERE member_id = %(member_id)s;

-- name: list_trail
-- Lists the newest entries of the trail, or those before one.
-- Parameters: before: or null; count.
-- Rows: many: entry_id, at, who, did, about, address.
-- Index: trail_pkey.
SELECT entry_id, at, who, did, about, address FROM access.trail
WHERE %(before)s::bigint IS NULL OR entry_id < %(before)s
ORDER BY entry_id DESC LIMIT %(count)s;

-- name: list_sessions_of
-- Lists a member's sessions that are still good, the one used last first.
-- Parameters: member_id; idle_from, whole_from: instants before which one is too old.
-- Rows: many: session_id, made_at, seen_at, address, browser.
-- Index: session_member.
SELECT session_id, made_at, seen_at, address, browser FROM access.session
WHERE member_id = %(member_id)s AND seen_at > %(idle_from)s AND made_at > %(whole_from)s
ORDER BY seen_at DESC, session_id;

-- name: end_other_sessions
-- Ends all sessions of a member but one.
-- Parameters: member_id, session_id: of the one that stays.
-- Rows: none; how many tells.
-- Index: session_member.
DELETE FROM access.session WHERE member_id = %(member_id)s AND session_id <> %(session_id)s;

-- name: list_trail_of
-- Lists the newest entries of one member.
-- Parameters: member_id, count.
-- Rows: many: entry_id, at, did, about, address.
-- Index: trail_member.
SELECT entry_id, at, did, about, address FROM access.trail
WHERE member_id = %(member_id)s ORDER BY entry_id DESC LIMIT %(count)s;

-- name: keep_manner
-- Keeps how a member reads numbers and instants, and in which language.
-- Parameters: member_id, numbers, zone, language.
-- Rows: none.
-- Index: member_pkey.
UPDATE access.member SET numbers = %(numbers)s, zone = %(zone)s, language = %(language)s
WHERE member_id = %(member_id)s;

-- name: find_factor
-- Finds what a member has of a second factor.
-- Parameters: member_id.
-- Rows: none or one: sealed, on_at: or null; spares: how many are left.
-- Index: factor_pkey, spare_pkey.
SELECT f.sealed, f.on_at,
  (SELECT count(*)::int FROM access.spare s WHERE s.member_id = f.member_id) AS spares
FROM access.factor f WHERE f.member_id = %(member_id)s;

-- name: begin_factor
-- Keeps the secret of a member's app, unless one is in use.
-- Parameters: member_id, sealed, now.
-- Rows: none; how many tells.
-- Index: factor_pkey.
INSERT INTO access.factor AS f (member_id, sealed, begun_at)
VALUES (%(member_id)s, %(sealed)s, %(now)s)
ON CONFLICT (member_id) DO UPDATE
SET sealed = excluded.sealed, begun_at = excluded.begun_at, step = 0
WHERE f.on_at IS NULL;

-- name: turn_factor_on
-- Asks for a member's codes from here on.
-- Parameters: member_id, now.
-- Rows: none.
-- Index: factor_pkey.
UPDATE access.factor SET on_at = %(now)s WHERE member_id = %(member_id)s;

-- name: use_step
-- Uses the code of a time step up, unless it or a later one was used.
-- Parameters: member_id, step.
-- Rows: none; how many tells.
-- Index: factor_pkey.
UPDATE access.factor SET step = %(step)s WHERE member_id = %(member_id)s AND step < %(step)s;

-- name: drop_factor
-- Forgets a member's second factor.
-- Parameters: member_id.
-- Rows: none or one: on_at.
-- Index: factor_pkey.
DELETE FROM access.factor WHERE member_id = %(member_id)s RETURNING on_at;

-- name: add_spares
-- Keeps the digests of spare codes.
-- Parameters: member_id, digests.
-- Rows: none.
-- Index: none.
INSERT INTO access.spare (member_id, digest)
SELECT %(member_id)s, digest FROM unnest(%(digests)s::bytea[]) s(digest);

-- name: use_spare
-- Uses a spare code up; of two at once one gets it.
-- Parameters: member_id, digest.
-- Rows: none; how many tells.
-- Index: spare_pkey.
DELETE FROM access.spare WHERE member_id = %(member_id)s AND digest = %(digest)s;

-- name: drop_spares
-- Forgets a member's spare codes.
-- Parameters: member_id.
-- Rows: none.
-- Index: spare_pkey.
DELETE FROM access.spare WHERE member_id = %(member_id)s;

-- name: pass_session
-- Writes down that the member of a session showed their second factor, and takes another secret.
-- Parameters: session_id, digest, now.
-- Rows: none.
-- Index: session_pkey.
UPDATE access.session SET passed_at = %(now)s, digest = %(digest)s
WHERE session_id = %(session_id)s;

-- name: add_token
-- Keeps the digest of a member's token, unless they have many.
-- Parameters: digest, member_id, name, prefix, scopes, now, ends_at, most.
-- Rows: none; how many tells.
-- Index: token_member.
INSERT INTO access.token (digest, member_id, name, prefix, scopes, made_at, ends_at)
SELECT %(digest)s, %(member_id)s, %(name)s, %(prefix)s, %(scopes)s, %(now)s, %(ends_at)s
WHERE (SELECT count(*) FROM access.token WHERE member_id = %(member_id)s) < %(most)s;

-- name: end_old_tokens
-- Removes tokens that are over.
-- Parameters: now.
-- Rows: none.
-- Index: none; the table is small.
DELETE FROM access.token WHERE ends_at <= %(now)s;

-- name: find_token
-- Finds a token that is good, with its member as they are now.
-- Parameters: digest, now.
-- Rows: none or one: token_id, member_id, name, role, numbers, zone, language, scopes, used_at.
-- Index: token_digest_key, member_pkey.
SELECT t.token_id, t.member_id, m.name, m.role, m.numbers, m.zone, m.language, t.scopes, t.used_at
FROM access.token t JOIN access.member m USING (member_id)
WHERE t.digest = %(digest)s AND t.ends_at > %(now)s AND m.removed_at IS NULL;

-- name: mark_token_used
-- Writes down that a token is used.
-- Parameters: token_id, now.
-- Rows: none.
-- Index: token_pkey.
UPDATE access.token SET used_at = greatest(used_at, %(now)s) WHERE token_id = %(token_id)s;

-- name: list_tokens
-- Lists tokens that are good, of one member or of all.
-- Parameters: member_id: or null; now.
-- Rows: many: token_id, who, name, prefix, scopes, made_at, ends_at, used_at.
-- Index: none; the table is small.
SELECT t.token_id, m.name AS who, t.name, t.prefix, t.scopes, t.made_at, t.ends_at, t.used_at
FROM access.token t JOIN access.member m USING (member_id)
WHERE t.ends_at > %(now)s AND m.removed_at IS NULL
  AND (%(member_id)s::int IS NULL OR t.member_id = %(member_id)s)
ORDER BY m.folded, t.token_id;

-- name: drop_token
-- Ends a token, of one member or of any.
-- Parameters: token_id, member_id: or null.
-- Rows: none or one: prefix, name: of the member.
-- Index: token_pkey.
DELETE FROM access.token t USING access.member m
WHERE m.member_id = t.member_id AND t.token_id = %(token_id)s
  AND (%(member_id)s::int IS NULL OR t.member_id = %(member_id)s)
RETURNING t.prefix, m.name;

-- name: drop_tokens_of
-- Ends all tokens of a member.
-- Parameters: member_id.
-- Rows: none.
-- Index: token_member.
DELETE FROM access.token WHERE member_id = %(member_id)s;

-- name: last_look
-- Until when a member has seen what happened.
-- Parameters: member_id.
-- Rows: none or one: looked_at (null: they never said so).
-- Index: member_pkey.
SELECT looked_at FROM access.member WHERE member_id = %(member_id)s;

-- name: note_look
-- Notes until when a member has seen what happened; an earlier instant changes nothing.
-- Parameters: member_id; at: instant.
-- Rows: none.
-- Index: member_pkey.
UPDATE access.member SET looked_at = greatest(looked_at, %(at)s::timestamptz)
WHERE member_id = %(member_id)s;

-- name: find_account
-- Finds which member an issuer's account is.
-- Parameters: issuer, subject.
-- Rows: none or one: member_id, by_claim.
-- Index: account_pkey.
SELECT member_id, by_claim FROM access.account
WHERE issuer = %(issuer)s AND subject = %(subject)s;

-- name: add_account
-- Keeps an issuer's account as a member's, unless it is somebody's.
-- Parameters: issuer, subject, member_id, by_claim, now.
-- Rows: none; how many tells.
-- Index: account_pkey.
INSERT INTO access.account (issuer, subject, member_id, by_claim, made_at)
VALUES (%(issuer)s, %(subject)s, %(member_id)s, %(by_claim)s, %(now)s)
ON CONFLICT DO NOTHING;

-- name: accounts_of
-- Finds a member's accounts at an issuer.
-- Parameters: issuer, member_id.
-- Rows: many: subject.
-- Index: account_member.
SELECT subject FROM access.account WHERE issuer = %(issuer)s AND member_id = %(member_id)s;

-- name: list_views
-- Lists the views of a member by their names.
-- Parameters: member_id.
-- Rows: many: view_id, name, address.
-- Index: view_member_id_name_key.
SELECT view_id, name, address FROM access.view WHERE member_id = %(member_id)s ORDER BY name;

-- name: keep_view
-- Keeps a view under a name; one that has the name already is another one from then on.
-- Parameters: member_id, name, address, now; most: so many at most.
-- Rows: none or one: view_id.
-- Index: view_member_id_name_key.
INSERT INTO access.view (member_id, name, address, made_at)
SELECT %(member_id)s, %(name)s::text, %(address)s, %(now)s
WHERE (SELECT count(*) FROM access.view v
  WHERE v.member_id = %(member_id)s AND v.name <> %(name)s::text) < %(most)s
ON CONFLICT (member_id, name) DO UPDATE SET address = excluded.address, made_at = excluded.made_at
RETURNING view_id;

-- name: drop_view
-- Forgets a view of a member.
-- Parameters: member_id, view_id.
-- Rows: none or one: name.
-- Index: view_pkey.
DELETE FROM access.view WHERE member_id = %(member_id)s AND view_id = %(view_id)s RETURNING name;

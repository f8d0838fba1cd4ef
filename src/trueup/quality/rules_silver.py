"""Silver: safe to leave alone. It survives trouble, and somebody answers for it."""

from typing import Final

from trueup.quality import acting, facts, history, line, meaning, privacy
from trueup.quality.branches import branches_covered
from trueup.quality.rooms import held_by
from trueup.quality.rule import Level, Rule

SILVER: Final = (
    Rule(
        id="error-table",
        level=Level.SILVER,
        why="Trying a refusal again for ever and giving up what would heal are both wrong.",
        how="401, 403, 404, 409, 422, 429 and the 5xx come over a real socket and are judged; "
        "each must have a fate that fits.",
        check=line.error_table,
        needs=("api",),
    ),
    Rule(
        id="timeouts-told-apart",
        level=Level.SILVER,
        why="A call that may have been done must not be made again blindly.",
        how="The line breaks before and after a read and a write have left, on the loopback.",
        check=line.timeouts_told_apart,
        needs=("api",),
    ),
    Rule(
        id="limits-obeyed",
        level=Level.SILVER,
        why="Who is throttled is slow, and who is throttled often is locked out.",
        how="The connector's own calls spend each of the manifest's budgets under a clock moved by "
        "hand; the simulated vendor is called so fast, reads and commands, throttles none of them "
        "and counts none over its limit.",
        check=line.limits_obeyed,
        needs=("api",),
    ),
    Rule(
        id="retry-after",
        level=Level.SILVER,
        why="The vendor knows best when to come back.",
        how="A 429 with and without Retry-After is judged, and the simulated vendor's throttling.",
        check=line.retry_after_kept,
        needs=("api",),
    ),
    Rule(
        id="auth-expiry",
        level=Level.SILVER,
        why="Stale credentials need a person once, not a thousand calls.",
        how="A 401 asks the human (where tokens are handed out, another one is asked for), the "
        "breaker stops the calls, and good credentials work again.",
        check=line.auth_expiry,
        needs=("api",),
    ),
    Rule(
        id="order-independent",
        level=Level.SILVER,
        why="Deliveries come twice, late and in any order.",
        how="Samples and a simulated day's webhooks are merged in 25 orders with repeats; all end "
        "in the same records.",
        check=history.order_independent,
        needs=("mapping",),
    ),
    Rule(
        id="replay-identical",
        level=Level.SILVER,
        why="A log that means something else tomorrow is no record.",
        how="All samples are mapped backwards, and in another process with other hashes; the "
        "digests are equal.",
        check=history.replay_identical,
        needs=("mapping",),
    ),
    Rule(
        id="gap-recovered",
        level=Level.SILVER,
        why="Webhooks get lost; nobody notices.",
        how="All webhooks of a simulated day are lost; the polls find every record that they told, "
        "and it says the same.",
        exceptions="Deletions: some vendors tell them by webhook alone. What lies in a queue is "
        "polled itself.",
        check=history.gap_recovered,
        needs=("webhook", "pull", "twin"),
    ),
    Rule(
        id="silence-noticed",
        level=Level.SILVER,
        why="A webhook that stops looks like a quiet day.",
        how="There is a second way: polls, webhooks that are listed at the vendor, files, or "
        "orders of which an unconfirmed one goes to a person.",
        check=facts.silence_noticed,
        needs=("webhook",),
    ),
    Rule(
        id="cursor-safe",
        level=Level.SILVER,
        why="A row that commits late lies behind the cursor, and is skipped for ever.",
        how="Things happen at the simulated vendor that a poll has not seen; the next poll, from "
        "the newest stamp less the overlap, reads each of them.",
        exceptions="Resources without stamps, which are read whole or taken out of a queue.",
        check=history.cursor_safe,
        needs=("cursors", "twin"),
    ),
    Rule(
        id="pages-resumable",
        level=Level.SILVER,
        why="A backfill of a day must survive a crash in its last hour, and know that it is whole.",
        how="All pages are walked, each asked for again by its cursor, and the records counted "
        "against the vendor's own count.",
        check=history.pages_resumable,
        needs=("pull", "twin"),
    ),
    Rule(
        id="bulk-equals-pages",
        level=Level.SILVER,
        why="Two ways in must not tell two stories.",
        how="Each resource with an export is read by export and by pages; the records are equal.",
        check=history.bulk_equals_pages,
        needs=("bulk", "twin"),
    ),
    Rule(
        id="personal-held-live",
        level=Level.SILVER,
        why="Samples are written by hand, and forget what a vendor really sends.",
        how="Everything that the simulated vendor sends and shows is searched for personal data "
        "outside the declared places, and canaries in them must not be heard outside of the "
        "person parts.",
        check=privacy.personal_held_live,
        needs=("mapping", "api", "twin"),
    ),
    Rule(
        id="drift-tolerated",
        level=Level.SILVER,
        why="Vendors add fields without a word.",
        how="A new field in every object of every sample changes nothing, or is an error that is "
        "told.",
        check=meaning.drift_tolerated,
        needs=("mapping",),
    ),
    Rule(
        id="hooks-round-trip",
        level=Level.SILVER,
        why="Vendors switch subscriptions off; the hub must see it and make them again.",
        how="Every topic is subscribed at the simulated vendor, listed, removed and listed again.",
        check=acting.hooks_round_trip,
        needs=("hooks", "twin"),
    ),
    Rule(
        id="human-asked-once",
        level=Level.SILVER,
        why="Who is asked at each call stops listening.",
        how="The room does it for all: a consent that was withdrawn and a token that is gone are "
        "one issue each, by its tests.",
        check=held_by(
            "flow/test_tokens.py::test_a_withdrawn_consent_asks_a_person_once",
            "flow/test_pull_scheduler.py::test_a_token_that_is_gone_is_one_issue_for_the_connection",
        ),
        needs=("api",),
    ),
    Rule(
        id="drift-counted",
        level=Level.SILVER,
        why="A field that changes at the vendor shows in the figures weeks later.",
        how="The room does it for all: fields that are new, gone or of another kind are counted "
        "and told, by its tests.",
        check=held_by(
            "db/test_drift.py::test_the_first_bodies_teach_and_a_later_field_is_new",
            "db/test_drift.py::test_a_field_that_went_is_missed_and_may_come_back",
        ),
        needs=("mapping",),
    ),
    Rule(
        id="owner-active",
        level=Level.SILVER,
        why="What nobody answers for decays.",
        how="The manifest names an owner, and the vendor's pages were read within a year.",
        check=facts.owner_active,
    ),
    Rule(
        id="version-served",
        level=Level.SILVER,
        why="Past its sunset a version may answer anything.",
        how="The manifest's sunset is compared with today.",
        check=facts.version_served,
        exceptions="Vendors that publish no end of a version.",
    ),
    Rule(
        id="branches-covered",
        level=Level.SILVER,
        why="A branch that no test takes is a guess.",
        how="At least 95 % of the branches of the connector's code are taken by its own tests, as "
        "was measured within a year (`branches.toml`).",
        check=branches_covered,
    ),
)

"""Silver: safe to leave alone. It survives trouble, and somebody answers for it."""

from typing import Final

from trueup.quality import acting, facts, history, line, meaning
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
        how="The connector's own calls spend the manifest's budget under a clock moved by hand; "
        "the simulated vendor is called so fast and must not throttle once.",
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
        how="A 401 asks the human, the breaker stops the calls, and good credentials work again.",
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
    ),
    Rule(
        id="replay-identical",
        level=Level.SILVER,
        why="A log that means something else tomorrow is no record.",
        how="All samples are mapped backwards, and in another process with other hashes; the "
        "digests are equal.",
        check=history.replay_identical,
    ),
    Rule(
        id="gap-recovered",
        level=Level.SILVER,
        why="Webhooks get lost; nobody notices.",
        how="All webhooks of a simulated day are lost; the polls find every record that they told, "
        "and it says the same.",
        exceptions="Deletions: some vendors tell them by webhook alone.",
        check=history.gap_recovered,
        needs=("webhook", "pull", "twin"),
    ),
    Rule(
        id="drift-tolerated",
        level=Level.SILVER,
        why="Vendors add fields without a word.",
        how="A new field in every object of every sample changes nothing, or is an error that is "
        "told.",
        check=meaning.drift_tolerated,
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
        how="Signed off with the measured figure: at least 95 % of the branches of the connector's "
        "code are taken by its tests.",
    ),
)

"""Bronze: safe to read from. What it says is true, and nobody else can say it."""

from typing import Final

from trueup.quality import door, facts, line, meaning, privacy
from trueup.quality.rule import Level, Rule

BRONZE: Final = (
    Rule(
        id="manifest-valid",
        level=Level.BRONZE,
        why="Form, throttle, routes and redaction are made from the manifest, so it must be true.",
        how="The folder is loaded from disk as at the hub's start; limits name the vendor's page.",
        check=facts.manifest_valid,
    ),
    Rule(
        id="standard-files",
        level=Level.BRONZE,
        why="Who knows one connector knows them all.",
        how="README, package and samples are there; each sample has what is expected of it.",
        check=facts.standard_files,
    ),
    Rule(
        id="webhook-verified",
        level=Level.BRONZE,
        why="Anybody can send bytes to a public address.",
        how="Signed deliveries are checked: good, tampered, without header, of a wrong secret, of "
        "a rotated one, too old, too new, and bytes that are no text.",
        check=door.signatures_checked,
        needs=("webhook",),
        exceptions="Schemes that only the vendor can sign are held by the tests of the scheme.",
    ),
    Rule(
        id="fail-closed",
        level=Level.BRONZE,
        why="A connection that is half set up must not believe everybody.",
        how="Without a secret, with an empty one and with one past its time all is refused; the "
        "secrets that deliveries are signed with are secret fields of the form.",
        check=door.fails_closed,
        needs=("webhook",),
    ),
    Rule(
        id="event-identity",
        level=Level.BRONZE,
        why="A repeat that looks new is applied twice; a new one that looks like a repeat is lost.",
        how="Each sample is identified twice, with the vendor's id and without, and once changed.",
        check=door.identity_stable,
        needs=("webhook",),
    ),
    Rule(
        id="entity-agrees",
        level=Level.BRONZE,
        why="Events of one entity are applied in turn only where the door names the same entity.",
        how="The entity read at the door is compared with that of every record.",
        check=door.entity_agrees,
        needs=("webhook",),
    ),
    Rule(
        id="door-total",
        level=Level.BRONZE,
        why="A delivery that makes the door fall over is lost, or repeated for ever.",
        how="Hostile bodies and headers are identified and split under every topic.",
        check=door.door_total,
        needs=("webhook",),
    ),
    Rule(
        id="topics-sampled",
        level=Level.BRONZE,
        why="A topic without a sample is a promise that nobody has tried.",
        how="Each declared topic names a sample whose expected file says what it means there.",
        check=meaning.topics_sampled,
        needs=("webhook",),
    ),
    Rule(
        id="samples-mean",
        level=Level.BRONZE,
        why="The meaning of a body is the connector's whole worth.",
        how="Each sample is split and mapped with the world shut out, and equals its file.",
        check=meaning.samples_mean,
        needs=("mapping",),
    ),
    Rule(
        id="mapping-pure",
        level=Level.BRONZE,
        why="Only a pure mapping can be replayed, compared and trusted tomorrow.",
        how="Each sample is mapped twice while sockets, processes and writing are forbidden; the "
        "code is read for clocks, chance and modules that reach out.",
        exceptions="`api.py` may ask the time: some vendors want each call signed with it.",
        check=meaning.mapping_pure,
        needs=("mapping",),
    ),
    Rule(
        id="mapping-total",
        level=Level.BRONZE,
        why="A body that raises is parked without a reason that a person can act on.",
        how="Hostile bodies are mapped under every topic: each ends in records or a reason.",
        check=meaning.mapping_total,
        needs=("mapping",),
    ),
    Rule(
        id="unknown-surfaced",
        level=Level.BRONZE,
        why="A vendor's new word that is taken for the nearest old one is a silent lie.",
        how="A word that nobody knows is put into each field in turn: where one of our words "
        "changes with it, it becomes unknown or nothing, and there is an issue.",
        exceptions="Free text, such as the name of any app, may be kept as the vendor's own word "
        "beside the unknown, without an issue for each.",
        check=meaning.unknown_surfaced,
        needs=("mapping",),
    ),
    Rule(
        id="money-and-time-exact",
        level=Level.BRONZE,
        why="A float loses cents, and a time without a zone loses hours.",
        how="Every canonical value of every sample is visited.",
        check=meaning.money_and_time_exact,
        needs=("mapping",),
    ),
    Rule(
        id="personal-declared",
        level=Level.BRONZE,
        why="What is not declared can be neither redacted nor erased.",
        how="Samples are searched for e-mails, phones and addresses outside the declared places; "
        "with all declared places changed, nothing of a person is left in any record.",
        check=privacy.personal_declared,
        needs=("mapping",),
    ),
    Rule(
        id="personal-kept-apart",
        level=Level.BRONZE,
        why="What stands beside the person part outlives the person's key.",
        how="Canaries in every declared place, also in spoilt bodies, must not be heard in a "
        "record without its person part, an issue, a fetch or a reason.",
        check=privacy.personal_kept_apart,
        needs=("mapping",),
    ),
    Rule(
        id="connection-tried",
        level=Level.BRONZE,
        why="A connection that is saved without a try fails at night.",
        how="The harmless check is made with good and wrong credentials against the simulated "
        "vendor; without one, a 401 is judged.",
        check=line.connection_tried,
        needs=("api",),
    ),
    Rule(
        id="readme-sections",
        level=Level.BRONZE,
        why="Who can not set it up does not use it, and who can not remove it does not dare to.",
        how="The README has the sections Set it up, Limits and Remove it, none of them empty.",
        check=facts.readme_sections,
    ),
    Rule(
        id="secrets-redacted",
        level=Level.BRONZE,
        why="A secret in a log is a secret no more.",
        how="Each secret gets a known value, and requests, addresses and errors are searched.",
        check=facts.secrets_redacted,
    ),
)

"""A manifest is decoded strictly, and every fault says where it is and what to do."""

from datetime import date
from pathlib import Path

import pytest

from trueup.contract.manifest import load_manifest
from trueup.contract.signature_scheme import BodyHmac, JoinedHmac
from trueup.errors import ConfigError

GOOD = """
id = "acme"
name = "Acme Shop"
kind = "storefront"
owner = "commerce team"
personal = ["$.customer.email", "$.line_items[*].note", "$..phone"]

[api]
version = "2026-10"
sunset_on = 2027-10-01
docs_url = "https://acme.example/docs"
docs_read_on = 2026-11-20

[auth]
schemes = ["api_key", "oauth2"]

[conventions]
money = "decimal_text"
time = "rfc3339"

[[config]]
key = "shop"
label = "Shop address"
type = "text"
pattern = "[a-z-]+"

[[config]]
key = "token"
label = "Access token"
type = "secret"

[[config]]
key = "account_number"
label = "Account number"
type = "text"
secret = true
required = false

[webhook]
signature = "shopify"
external_id_headers = ["x-acme-id"]
topic_header = "x-acme-topic"
topics = [
  {topic = "orders/create", kind = "order", entity = "order", sample = "samples/order.json"},
  {topic = "customers/redact", kind = "privacy", entity = "customer", required_for_privacy = true},
]

[[pull]]
resource = "orders"
cursor = "updated_at"
page_size_max = 100
interval_s = 300
overlap_s = 60
bulk = true

[[limits]]
kind = "cost"
capacity = 2000
refill_per_s = 100
concurrency_max = 4
source = "https://acme.example/limits"

[[limits]]
scope = "stock.set"
kind = "requests"
capacity = 10
refill_per_s = 0.5

[[actions]]
name = "stock.set"
idempotency = "key"
reversible = true
risk = "medium"
default_mode = "auto"
bulk_max = 250
confirmed_by = ["orders/create"]

[[files]]
format = "acme-orders-csv"
media_type = "text/csv"
"""


def write(tmp_path: Path, text: str, folder: str = "acme") -> Path:
    path = tmp_path / folder / "manifest.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def refused(tmp_path: Path, text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_manifest(write(tmp_path, text))
    assert set(caught.value.context) >= {"file", "field", "expected", "found", "fix"}
    assert caught.value.context["fix"]
    return caught.value


def test_reads_every_section(tmp_path: Path) -> None:
    manifest = load_manifest(write(tmp_path, GOOD))
    assert manifest.api.sunset_on == date(2027, 10, 1)
    assert manifest.secret_keys == {"token", "account_number"}
    assert manifest.webhook is not None
    assert manifest.webhook.scheme == BodyHmac(header="x-shopify-hmac-sha256", encoding="base64")
    assert manifest.pull[0].overlap_s == 60
    topic = manifest.topic("customers/redact")
    assert topic is not None
    assert topic.required_for_privacy
    assert manifest.topic("nothing") is None
    action = manifest.action("stock.set")
    assert action is not None
    assert action.bulk_max == 250
    assert manifest.action("stock.eat") is None


def test_the_narrower_limit_counts_before_the_one_for_all(tmp_path: Path) -> None:
    manifest = load_manifest(write(tmp_path, GOOD))
    narrow, general = manifest.limit("stock.set"), manifest.limit("orders")
    assert narrow is not None
    assert general is not None
    assert (narrow.capacity, general.capacity) == (10, 2000)


@pytest.mark.parametrize(
    "field", ["backdated_s = 60", "backdated_s = 30", 'backdated_s = 90\ncursor = ""']
)
def test_what_is_backdated_has_a_cursor_and_lies_beyond_the_overlap(
    tmp_path: Path, field: str
) -> None:
    text = GOOD.replace("overlap_s = 60", f"overlap_s = 60\n{field}")
    if "cursor" in field:
        text = text.replace('cursor = "updated_at"\n', "snapshot = true\n", 1)
    error = refused(tmp_path, text)
    assert "backdated_s" in str(error.context["expected"])
    assert load_manifest(write(tmp_path, GOOD.replace("s = 60", "s = 60\nbackdated_s = 61", 1)))


def test_a_manifest_without_limits_has_none(tmp_path: Path) -> None:
    text = GOOD[: GOOD.index("[[limits]]")]
    assert load_manifest(write(tmp_path, text)).limit("orders") is None


def test_a_signature_can_be_given_with_its_parameters(tmp_path: Path) -> None:
    text = GOOD.replace(
        'signature = "shopify"',
        'signature = {family = "joined_hmac", header = "x-sig", join = "{timestamp}.{body}", encoding = "hex", '
        'stamp = {header = "x-ts", form = "unix_ms"}}',
    )
    webhook = load_manifest(write(tmp_path, text)).webhook
    assert webhook is not None
    assert isinstance(webhook.scheme, JoinedHmac)
    assert webhook.scheme.stamp is not None
    assert webhook.scheme.stamp.past_s == 300


@pytest.mark.parametrize(
    ("old", "new", "field", "says"),
    [
        ('name = "Acme Shop"\n', "", "name", "nothing"),
        ('owner = "commerce team"', 'owner = "x"\ncolour = "red"', "colour", "known field"),
        ("page_size_max = 100", 'page_size_max = "100"', "pull[0].page_size_max", "int"),
        ("page_size_max = 100", "page_size_max = 0", "pull[0]", "at least 1"),
        ('kind = "storefront"', 'kind = "shop"', "kind", "enum"),
        ("docs_read_on = 2026-11-20", "docs_read_on = 5", "api.docs_read_on", "date"),
        ("https://acme.example/docs", "http://acme.example/docs", "api", "https"),
        ('signature = "shopify"', 'signature = "shoppify"', "webhook", "woocommerce"),
        ('type = "secret"', 'type = "password"', "config[1].type", "enum"),
        ('key = "token"', 'key = "shop"', "", "config key appears twice: shop"),
        ('key = "token"', 'key = "My Token"', "config[1]", "snake_case"),
        ('pattern = "[a-z-]+"', 'pattern = "[a-z"', "config[0]", "regular expression"),
        ('label = "Shop address"\ntype = "text"', 'label = "S"\ntype = "choice"', "", "choices"),
        ('topic = "customers/redact"', 'topic = "orders/create"', "webhook", "topic appears twice"),
        ('sample = "samples/order.json"', 'sample = "../order.json"', "topics[0]", "leaves"),
        ('"x-acme-topic"', '"X-Acme-Topic"', "webhook", "lower case"),
        ('"$.customer.email"', '"customer.email"', "", "personal path"),
        ('"$.customer.email"', '"$.a; drop"', "", "personal path"),
        ('confirmed_by = ["orders/create"]', 'confirmed_by = ["x"]', "", "unknown topics"),
        ("reversible = true", "reversible = false", "actions[0]", "auto"),
        ('risk = "medium"', 'risk = "high"', "actions[0]", "auto"),
        ('name = "stock.set"', 'name = "set stock"', "actions[0]", "stock.set"),
        ('scope = "stock.set"', 'scope = "stock.get"', "", "limit scope"),
        ("refill_per_s = 100", "refill_per_s = 0", "limits[0]", "above 0"),
        ('cursor = "updated_at"\n', "", "pull[0]", "cursor"),
        ('schemes = ["api_key", "oauth2"]', "schemes = []", "auth", "at least one"),
        ('format = "acme-orders-csv"', 'format = "Acme CSV"', "files[0]", "shopify-orders-csv"),
        ('id = "acme"', 'id = "Acme"', "", "snake_case"),
        ('id = "acme"', 'id = "other"', "id", "folder's name 'acme'"),
    ],
)
def test_a_fault_names_its_place_and_what_was_expected(
    tmp_path: Path, old: str, new: str, field: str, says: str
) -> None:
    assert old in GOOD
    error = refused(tmp_path, GOOD.replace(old, new, 1))
    assert error.code == "config.invalid"
    assert field in str(error.context["field"])
    assert says in str(error)


@pytest.mark.parametrize(
    ("signature", "says"),
    [
        ('{family = "body_hmac", header = "x-sig"}', "encoding"),
        ('{family = "body_hmac", header = "X-Sig", encoding = "hex"}', "lower case"),
        ('{family = "joined_hmac", header = "a", join = "{timestamp}", encoding = "hex"}', "body"),
        ('{family = "joined_hmac", header = "a", join = "{body}{x}", encoding = "hex"}', "'x'"),
        ('{family = "joined_hmac", header = "a", join = "{body}}", encoding = "hex"}', "brace"),
        ('{family = "joined_hmac", header = "a", join = "{id}{body}", encoding = "hex"}', "id"),
        (
            '{family = "joined_hmac", header = "a", join = "{timestamp}{body}", encoding = "hex"}',
            "stamp",
        ),
        ('{family = "vigenere", header = "a"}', "vigenere"),
        ("[]", "at least one"),
        ('["easypost_v2", "shopyfy"]', "shopyfy"),
        ('["easypost_v2", "easypost_v2"]', "twice"),
        ('["easypost_v2", "gorgias"]', "alone"),
        ('["amazon_sqs", "easypost_v2"]', "alone"),
        (
            (
                '{family = "asymmetric", header = "a", join = "{body}", algorithm = "ed25519", '
                'key = {source = "url", url = "https://a.example/k"}}'
            ),
            "prefixes",
        ),
        (
            (
                '{family = "asymmetric", header = "a", join = "{body}", algorithm = "ed25519", '
                'key = {source = "url", url = "https://a.example/k", prefixes = ["http://a/"]}}'
            ),
            "https",
        ),
    ],
)
def test_a_scheme_that_could_not_hold_is_refused(tmp_path: Path, signature: str, says: str) -> None:
    text = GOOD.replace('signature = "shopify"', f"signature = {signature}")
    assert says in str(refused(tmp_path, text))


def test_a_vendor_may_sign_in_more_than_one_way(tmp_path: Path) -> None:
    listed = '["easypost_v2", {family = "body_hmac", header = "x-sig", encoding = "hex"}]'
    text = GOOD.replace('signature = "shopify"', f"signature = {listed}")
    webhook = load_manifest(write(tmp_path, text)).webhook
    assert webhook is not None
    newer, older = webhook.schemes
    assert isinstance(newer, JoinedHmac)
    assert isinstance(older, BodyHmac)
    assert webhook.scheme == newer


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ("by_ref = true\nbatch_max = 0", "batch_max"),
        ("by_ref = true\nfollow_days = 0", "follow_days"),
        ('begin_setting = "token"', "by_ref"),
        ('by_ref = true\nbegin_setting = "nowhere"', "nowhere"),
    ],
)
def test_what_can_not_be_followed_is_refused(tmp_path: Path, fields: str, says: str) -> None:
    text = GOOD.replace("[[pull]]\n", f"[[pull]]\n{fields}\n", 1)
    assert says in str(refused(tmp_path, text))


def test_carriers_are_for_what_is_followed(tmp_path: Path) -> None:
    text = GOOD.replace('id = "acme"\n', 'id = "acme"\ncarriers = ["Acme"]\n')
    assert "by_ref" in str(refused(tmp_path, text))
    followed = text.replace("[[pull]]\n", "[[pull]]\nby_ref = true\nbatch_max = 9\n", 1)
    manifest = load_manifest(write(tmp_path, followed))
    assert manifest.pull[0].by_ref
    assert manifest.carriers == ("Acme",)


def test_a_queue_without_a_pull_is_refused(tmp_path: Path) -> None:
    text = GOOD.replace('signature = "shopify"', 'signature = "amazon_sqs"')
    start, end = text.index("[[pull]]"), text.index("[[limits]]")
    assert "queue" in str(refused(tmp_path, text[:start] + text[end:]))


def test_broken_toml_names_line_and_column(tmp_path: Path) -> None:
    assert "line 2" in str(refused(tmp_path, 'id = "acme"\nname = \n'))


def test_bytes_that_are_not_text_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "")
    path.write_bytes(b'id = "\xff"')
    with pytest.raises(ConfigError, match="UTF-8"):
        load_manifest(path)


def test_a_missing_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can be read"):
        load_manifest(tmp_path / "acme" / "manifest.toml")


def test_a_resource_that_needs_a_setting_is_pulled_only_with_it(tmp_path: Path) -> None:
    text = GOOD.replace('resource = "orders"', 'resource = "orders"\nneeds = "shop"')
    manifest = load_manifest(write(tmp_path, text))
    assert "orders" not in [each.resource for each in manifest.pulled({})]
    assert "orders" in [each.resource for each in manifest.pulled({"shop": "acme"})]
    wrong = GOOD.replace('resource = "orders"', 'resource = "orders"\nneeds = "queue"')
    with pytest.raises(ConfigError, match="no config field"):
        load_manifest(write(tmp_path, wrong))

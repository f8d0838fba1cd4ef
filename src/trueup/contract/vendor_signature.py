"""The signature schemes of real vendors, so that a manifest can say `signature = "shopify"`.

`evidence` says how well a row is known: `vendor`: the vendor's own page or source was read;
`secondary`: other people's working handlers; `unchecked`: from memory, so a real delivery must be
captured before a connector that uses it is called verified.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from trueup.contract.signature_scheme import (
    Asymmetric,
    BodyHmac,
    JoinedHmac,
    KeyPlace,
    QueuePull,
    SignatureScheme,
    Stamp,
    StaticToken,
    Unsigned,
    UrlParams,
)


class VendorSignature(msgspec.Struct, frozen=True):
    """One vendor's scheme, and how well it is known."""

    scheme: SignatureScheme
    evidence: Literal["vendor", "secondary", "unchecked"]


def _body(
    header: str,
    encoding: Literal["base64", "hex"],
    evidence: Literal["vendor", "secondary", "unchecked"],
    *,
    prefix: str = "",
) -> VendorSignature:
    return VendorSignature(BodyHmac(header=header, encoding=encoding, prefix=prefix), evidence)


def _standard_webhooks(key_form: Literal["text", "whsec"]) -> JoinedHmac:
    return JoinedHmac(
        header="webhook-signature",
        join="{id}.{timestamp}.{body}",
        encoding="base64",
        layout="versions",
        id_header="webhook-id",
        stamp=Stamp(header="webhook-timestamp"),
        key_form=key_form,
    )


_F1_F2 = {
    "shopify": _body("x-shopify-hmac-sha256", "base64", "vendor"),
    "shopify_events": _body("shopify-hmac-sha256", "base64", "vendor"),
    "woocommerce": _body("x-wc-webhook-signature", "base64", "vendor"),
    "quickbooks": _body("intuit-signature", "base64", "vendor"),
    "xero": _body("x-xero-signature", "base64", "secondary"),
    "aftership": _body("aftership-hmac-sha256", "base64", "vendor"),
    "razorpay": _body("x-razorpay-signature", "hex", "vendor"),
    "meta": _body("x-hub-signature-256", "hex", "unchecked", prefix="sha256="),
    "whatsapp": _body("x-hub-signature-256", "hex", "unchecked", prefix="sha256="),
    "easypost_v1": _body("x-hmac-signature", "hex", "secondary", prefix="hmac-sha256-hex="),
}

_F3 = {
    "standard_webhooks": VendorSignature(_standard_webhooks("whsec"), "vendor"),
    # BigCommerce's key is base64(client_secret) decoded again: the client secret as it stands.
    "bigcommerce": VendorSignature(_standard_webhooks("text"), "vendor"),
    "etsy": VendorSignature(_standard_webhooks("whsec"), "secondary"),
    "stripe": VendorSignature(
        JoinedHmac(
            header="stripe-signature",
            join="{timestamp}.{body}",
            encoding="hex",
            layout="pairs",
            stamp=Stamp(pair="t"),
        ),
        "vendor",
    ),
    "slack": VendorSignature(
        JoinedHmac(
            header="x-slack-signature",
            join="v0:{timestamp}:{body}",
            encoding="hex",
            prefix="v0=",
            stamp=Stamp(header="x-slack-request-timestamp"),
        ),
        "vendor",
    ),
    "zendesk": VendorSignature(
        JoinedHmac(
            header="x-zendesk-webhook-signature",
            join="{timestamp}{body}",
            encoding="base64",
            stamp=Stamp(header="x-zendesk-webhook-signature-timestamp", form="rfc3339"),
        ),
        "secondary",
    ),
    "easypost_v2": VendorSignature(
        JoinedHmac(
            header="x-hmac-signature-v2",
            # The path also comes in the header `x-path`. Ours is taken instead: nothing separates
            # it from the body, so that a sender's header could move bytes from one to the other.
            join="{timestamp}{method}{path}{body}",
            encoding="hex",
            prefix="hmac-sha256-hex=",
            stamp=Stamp(header="x-timestamp", form="http_date"),
        ),
        "secondary",
    ),
    "klaviyo": VendorSignature(
        JoinedHmac(
            header="klaviyo-signature",
            join="{body}{timestamp}",
            encoding="hex",
            stamp=Stamp(header="klaviyo-timestamp", form="http_date"),
        ),
        "secondary",
    ),
    "hubspot_v3": VendorSignature(
        JoinedHmac(
            header="x-hubspot-signature-v3",
            join="{method}{uri}{body}{timestamp}",
            encoding="base64",
            stamp=Stamp(header="x-hubspot-request-timestamp", form="unix_ms"),
        ),
        "vendor",
    ),
    # No timestamp is signed: only the dedupe key stops a replay. The identity is the app key.
    "tiktok_shop": VendorSignature(
        JoinedHmac(header="authorization", join="{identity}{body}", encoding="hex"), "secondary"
    ),
}

_F4 = {
    "paypal": VendorSignature(
        Asymmetric(
            header="paypal-transmission-sig",
            # The identity is the id of the webhook, which PayPal shows where it was created.
            join="{id}|{timestamp}|{identity}|{body_crc32}",
            algorithm="rsa_sha256",
            id_header="paypal-transmission-id",
            # A repeat may carry the time of the first attempt, and attempts go on for three days;
            # the dedupe key, kept as long as the log, is what stops a replay here.
            stamp=Stamp(header="paypal-transmission-time", form="rfc3339", past_s=3 * 86_400),
            key=KeyPlace(
                source="header",
                document="certificate",
                url_header="paypal-cert-url",
                prefixes=(
                    "https://api.paypal.com/v1/notifications/certs/",
                    "https://api.sandbox.paypal.com/v1/notifications/certs/",
                ),
            ),
        ),
        "secondary",
    ),
    "ebay": VendorSignature(
        Asymmetric(
            header="x-ebay-signature",
            join="{body}",
            algorithm="ecdsa_sha1",
            layout="envelope",
            key=KeyPlace(
                source="url",
                document="json_pem",
                url="https://api.ebay.com/commerce/notification/v1/public_key/{kid}",
                prefixes=("https://api.ebay.com/commerce/notification/v1/public_key/",),
            ),
        ),
        "vendor",
    ),
    "shipengine": VendorSignature(
        Asymmetric(
            header="x-shipengine-rsa-sha256-signature",
            join="{timestamp}.{body}",
            algorithm="rsa_sha256",
            stamp=Stamp(header="x-shipengine-timestamp", form="rfc3339"),
            key=KeyPlace(
                source="url",
                document="jwks",
                url="https://api.shipengine.com/jwks",
                kid_header="x-shipengine-rsa-sha256-key-id",
                prefixes=("https://api.shipengine.com/jwks",),
            ),
        ),
        "secondary",
    ),
    "standard_webhooks_ed25519": VendorSignature(
        Asymmetric(
            header="webhook-signature",
            join="{id}.{timestamp}.{body}",
            algorithm="ed25519",
            layout="versions",
            id_header="webhook-id",
            stamp=Stamp(header="webhook-timestamp"),
            key=KeyPlace(source="secret"),
        ),
        "vendor",
    ),
}

_F5_F6_F7 = {
    "twilio": VendorSignature(
        UrlParams(header="x-twilio-signature", body_hash_param="bodySHA256"), "unchecked"
    ),
    "mandrill": VendorSignature(UrlParams(header="x-mandrill-signature"), "unchecked"),
    "shiprocket": VendorSignature(StaticToken(header="x-api-key"), "unchecked"),
    "delhivery": VendorSignature(StaticToken(header="authorization"), "unchecked"),
    "freshdesk": VendorSignature(StaticToken(header="authorization", prefix="Basic "), "unchecked"),
    "gorgias": VendorSignature(Unsigned(), "unchecked"),
    "mailchimp": VendorSignature(Unsigned(), "unchecked"),
    "klaviyo_flow": VendorSignature(Unsigned(), "secondary"),
    "odoo": VendorSignature(Unsigned(), "unchecked"),
    "amazon_sqs": VendorSignature(QueuePull(), "vendor"),
}

VENDOR_SIGNATURES: Mapping[str, VendorSignature] = MappingProxyType(
    {**_F1_F2, **_F3, **_F4, **_F5_F6_F7}
)

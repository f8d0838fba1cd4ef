"""Links that open a storefront with a cart that is filled already, as the manifest tells. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

from trueup.contract.capability import Section, check

_LINES: Final = "{lines}"


class CartLink(Section, frozen=True, kw_only=True):
    """How such a link is written.

    Attributes:
        url: with `{lines}`, and with the names of config fields in braces.
        line: of one variant, with `{variant}` and `{units}`.
        between: stands between two lines.
        code: what is added where a code shall count, with `{code}`; empty where none can.
        source: the vendor's page that says so.
    """

    url: str
    line: str
    between: str
    code: str = ""
    source: str

    def __post_init__(self) -> None:
        check(self.url.startswith("https://") and _LINES in self.url, "url is https, with {lines}")
        check("{variant}" in self.line and "{units}" in self.line, "line has {variant}, {units}")
        check(not self.code or "{code}" in self.code, "code has {code}")

    def link(
        self, settings: Mapping[str, str], lines: Sequence[tuple[str, int]], code: str = ""
    ) -> str | None:
        """Return the link; None where a variant is missing, or a setting that it names.

        Args:
            settings: of the connection.
            lines: (variant, units).
            code: of a discount that shall count.
        """
        if not lines or not all(variant for variant, _ in lines) or (code and not self.code):
            return None
        told = self.between.join(
            self.line.replace("{variant}", quote(variant, safe="")).replace("{units}", str(units))
            for variant, units in lines
        )
        found = self.url.replace(_LINES, told)
        for name, value in settings.items():
            found = found.replace(f"{{{name}}}", value)
        if "{" in found:
            return None
        return found + self.code.replace("{code}", quote(code, safe="")) if code else found

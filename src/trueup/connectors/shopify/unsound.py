"""A value that decodes but can not be kept: the one way a body's content stops its own mapping."""


class Unsound(Exception):
    """A value in a body can not become canonical; caught where the body is mapped.

    Attributes:
        text: the value as it stands in the body, by which its place is found.
        expected: what should have stood there.
    """

    def __init__(self, text: bytes, expected: str) -> None:
        super().__init__(expected)
        self.text = text
        self.expected = expected

"""The two ways in which an object or a document is refused. Neither message ever holds a secret."""


class Damaged(Exception):
    """The bytes are not what docs/FORMAT.md says, or not what was expected here (exit code 10)."""


class KeyMissing(Exception):
    """The bytes may be fine, but the key file cannot open or verify them (exit code 13)."""

"""Refusals that only a server makes."""

from typing import Any

from training.errors import CommonspaceError


class TooMany(CommonspaceError):
    """More requests than allowed.

    Args:
        message: as ever.
        retry_after: seconds to wait.
        hint: as ever.
    """

    exit_code = 6
    http_status = 429

    def __init__(self, message: str, *, retry_after: int = 1, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after

    def __reduce__(self) -> Any:
        return _again, (self.message, self.retry_after, self.hint)


def _again(message: str, retry_after: int, hint: str) -> TooMany:
    return TooMany(message, retry_after=retry_after, hint=hint)


class TooLarge(CommonspaceError):
    """A body is larger than its route takes."""

    exit_code = 3
    http_status = 413


class WrongFormat(CommonspaceError):
    """A body is of a media type that its route doesn't take."""

    exit_code = 3
    http_status = 415


class Malformed(CommonspaceError):
    """A body can't be read at all."""

    exit_code = 3
    http_status = 400


class BadFields(CommonspaceError):
    """Some fields of a request can't be taken.

    Args:
        fields: path of a field, such as `body.images.3`, to what is wrong with it.
    """

    exit_code = 3
    http_status = 422

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {reason}" for field, reason in fields.items()))
        self.fields = fields

    def __reduce__(self) -> Any:
        return BadFields, (self.fields,)

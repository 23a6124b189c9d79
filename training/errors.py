"""The one root of all errors that a user of the product may see.

A `CommonspaceError` carries a message for the user, a hint what to do, and the exit code and HTTP
status it ends in. Anything else that is raised is a fault of ours and stays loud.
"""


class CommonspaceError(Exception):
    """An error that a user can act on.

    Args:
        message: what is wrong, naming the row, field, file or setting.
        hint: what to do about it; empty if the message says it all.
    """

    exit_code = 1
    http_status = 500

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self):  # errors cross process borders (Ray); keyword-only arguments need help
        return _rebuild, (type(self), self.message, self.hint)

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


def _rebuild(kind: type[CommonspaceError], message: str, hint: str) -> CommonspaceError:
    return kind(message, hint=hint)


class BadConfig(CommonspaceError):
    """A setting is unknown, has the wrong type, or contradicts another."""

    exit_code = 2
    http_status = 400


class BadData(CommonspaceError):
    """Input data can't be used: missing file, wrong columns, or too many bad rows."""

    exit_code = 3
    http_status = 422


class NotFound(CommonspaceError):
    """A user, post, model version, run or job that was asked for does not exist."""

    exit_code = 4
    http_status = 404


class Conflict(CommonspaceError):
    """The thing exists already or is in use by another process."""

    exit_code = 5
    http_status = 409


class Unavailable(CommonspaceError):
    """A service that is needed does not answer."""

    exit_code = 6
    http_status = 503


class Refused(CommonspaceError):
    """A credential is missing or wrong."""

    exit_code = 7
    http_status = 401


class Forbidden(CommonspaceError):
    """The credential is good, but not for this."""

    exit_code = 10
    http_status = 403


class TrainingFailed(CommonspaceError):
    """Training ended without a model."""

    exit_code = 8


class Gone(CommonspaceError):
    """It was deleted for good, and does not come back."""

    exit_code = 9
    http_status = 410

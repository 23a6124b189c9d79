"""Does MLflow answer, and what do its refusals mean: its errors in the words of ours."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from training.errors import BadConfig, NotFound, Refused, Unavailable

_PROBE = "/api/2.0/mlflow/experiments/search?max_results=1"
_PROBE_TIMEOUT_S = 5
_AWAY = ("TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED")
_FORBIDDEN = ("PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED")


def public_name(text: str) -> str:
    """A URI, or all URIs in a text, without credentials: for messages and records."""
    return re.sub(r"://[^/\s]+@", "://***@", text)


def is_http(uri: str) -> bool:
    """A server, not a database that is opened from here."""
    return uri.startswith(("http://", "https://"))


def probe_server(uri: str) -> None:
    """One short request, credentials included: MLflow's client retries a dead server for minutes.

    Raises: Unavailable; Refused for 401 and 403.
    """
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    answer = http_request(
        get_default_host_creds(uri),
        _PROBE,
        "GET",
        max_retries=0,
        timeout=_PROBE_TIMEOUT_S,
        raise_on_status=False,
    )
    status = answer.status_code if answer is not None else 0
    if answer is None or status >= 500 or status == 429:
        raise _away(uri, f"it answers {status}")
    if status in (401, 403):
        raise _refused(uri, status, answer.text)
    if status != 200 or "json" not in answer.headers.get("content-type", ""):
        raise _away(uri, f"something answers ({status}), but not an MLflow server")


def probe_database(uri: str) -> None:
    """One plain connection: MLflow retries a database that is away for a quarter of an hour.

    Raises: Unavailable; BadConfig if the URI or its driver can't be used.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

    try:
        engine = create_engine(uri)
        engine.connect().close()
        engine.dispose()
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise BadConfig(f"tracking.uri {public_name(uri)} can't be used: {error}") from None
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        message = f"the tracking database {public_name(uri)} does not open: {reason}"
        raise Unavailable(message, hint="check tracking.uri / MLFLOW_TRACKING_URI") from None


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """Raises our errors for what MLflow's client raises in the block, and lets the unexpected pass.

    Raises: Unavailable, Refused, NotFound.
    """
    from mlflow.exceptions import MlflowException
    from requests.exceptions import ConnectionError as NoConnection
    from requests.exceptions import HTTPError, Timeout

    try:
        yield
    except MlflowException as error:
        code, message = error.error_code, str(error.message)
        status = re.search(r"error code (401|403)\b", message)
        if code in _FORBIDDEN or status:
            raise _refused(uri, int(status[1]) if status else 403, message) from error
        # A request that never got through is "internal" to MLflow's client; only its words tell.
        if code in _AWAY or re.search(r"API request to .* failed with (timeout )?exc", message):
            raise _away(uri, _cause(message)) from error
        if "database or disk is full" in message:
            raise _away(uri, "its disk is full") from error
        if code == "RESOURCE_DOES_NOT_EXIST":
            raise NotFound(f"{message} (on {public_name(uri)})") from error
        raise
    except HTTPError as error:  # artifacts travel outside the client's own protocol
        status = error.response.status_code if error.response is not None else 0
        if status in (401, 403):
            raise _refused(uri, status, str(error)) from error
        if status >= 500:
            raise _away(uri, f"it answers {status}") from error
        raise
    except (NoConnection, Timeout) as error:
        raise _away(uri, _cause(str(error))) from error


def _away(uri: str, reason: str) -> Unavailable:
    return Unavailable(
        f"the MLflow server {public_name(uri)} does not answer: {reason}",
        hint="is it running? check tracking.uri / MLFLOW_TRACKING_URI",
    )


def _refused(uri: str, status: int, body: str) -> Refused:
    if status == 403 and "Host header" in body:
        host = urlsplit(uri).netloc.rpartition("@")[2]
        hint = f"it does not know this host name: start it with --allowed-hosts {host}"
    elif status == 403:
        hint = "the account may not do this; if a proxy is between, see --allowed-hosts"
    else:
        hint = "set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and _PASSWORD"
    return Refused(
        f"the MLflow server {public_name(uri)} refused the request ({status})", hint=hint
    )


def _cause(message: str) -> str:
    """The last link of a chain such as `HTTPConnectionPool(…): Max retries … (Caused by …)`."""
    cause = message.rpartition("Caused by ")[2] or message
    return cause.rpartition(": ")[2].strip("\"')> ") or cause[:200]

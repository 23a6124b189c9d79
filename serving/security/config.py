"""Settings of keys, limits and origins."""

from typing import Literal

from limits import parse
from pydantic import Field, SecretStr, field_validator

from training.config import Config


class SecurityConfig(Config):
    """Who may ask, how often, and from where."""

    mode: Literal["development", "keys"] = "development"
    """`development`: no key is asked for, and only programs on this machine are answered."""
    rate: str = "6000/minute"
    """Requests that one key may make; not counted in development mode."""
    failures: str = "30/minute"
    """Wrong keys that one address may send before it has to wait."""
    rate_storage: SecretStr | None = None
    """Where requests are counted: a storage of the `limits` package, for example
    `redis://host:6379`, if several processes answer and shall count together. None: in the memory
    of each."""
    keys_cached_s: float = Field(default=5, ge=0, le=60)
    """How long a revoked key may still work: as long as it is remembered."""
    hosts: tuple[str, ...] = ()
    """Names beside those of the loopback under which development mode answers."""
    cors_origins: tuple[str, ...] = ()
    """Other sites whose pages may ask, such as `https://example.org`; none if empty."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses whose `X-Forwarded-For` is believed."""
    secure_cookie: bool = True
    """Send the page's cookie over HTTPS (or to the loopback) only."""

    @field_validator("rate", "failures")
    @classmethod
    def _is_a_rate(cls, rate: str) -> str:
        try:
            parse(rate)
        except ValueError:
            raise ValueError("must be a rate such as 600/minute") from None
        return rate

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            scheme, separator, host = origin.partition("://")
            if scheme not in ("http", "https") or not separator or not host or "/" in host:
                raise ValueError("must be origins such as https://example.org, without a path")
            if "*" in host:
                raise ValueError("must name each origin; `*` would let every site in")
        return origins

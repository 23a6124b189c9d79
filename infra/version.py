"""The product's version; pyproject.toml says it, and nothing else does."""

from importlib.metadata import PackageNotFoundError, version

NOT_INSTALLED = "0"


def product_version() -> str:
    """Of this installation; `0` for code that runs from a folder."""
    try:
        return version("commonspace")
    except PackageNotFoundError:
        return NOT_INSTALLED

"""Sources of candidates, one a file. A new one is a function in a file here, imported below."""

from recsys.candidates import fresh, interests, neighbours, popular, reactions, related, taste
from recsys.candidates.source import Request, Source, sources

__all__ = [
    "Request",
    "Source",
    "fresh",
    "interests",
    "neighbours",
    "popular",
    "reactions",
    "related",
    "sources",
    "taste",
]

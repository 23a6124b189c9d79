"""All pages of the site and its files, as one router."""

from fastapi import APIRouter

from serving.backend import Backend
from serving.security.guard import Guard
from serving.web import (
    boundaries,
    elsewhere,
    files,
    home,
    map_page,
    person,
    post_page,
    reactions,
    search_page,
)
from serving.web import sign_in as signing
from serving.web.site import Site

_PARTS = (
    files,
    signing,
    home,
    person,
    reactions,
    boundaries,
    search_page,
    post_page,
    map_page,
    elsewhere,
)


def router(backend: Backend, guard: Guard) -> APIRouter:
    """Pages under `/` and files under `/static`; no route of it is in the API's description.

    Include it after the API's routes: its last route answers every path that is no page's, but for
    those of the API and of operations.

    Args:
        backend: answers every question and takes every change.
        guard: who may look, and who may like, follow and keep away.
    """
    pages = APIRouter(include_in_schema=False)
    site = Site(backend, guard)
    for part in _PARTS:
        part.add(pages, site)
    return pages

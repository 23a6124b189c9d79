"""The parts of the application that routes ask for."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from serving.backend import Backend
from serving.security.pictures import PictureCheck


def _backend(request: Request) -> Backend:
    return request.app.state.backend


def _pictures(request: Request) -> PictureCheck:
    return request.app.state.pictures


Service = Annotated[Backend, Depends(_backend)]
Pictures = Annotated[PictureCheck, Depends(_pictures)]

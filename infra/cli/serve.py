"""`commonspace serve`: the HTTP API and the web page."""

import signal
import threading
from typing import Annotated

import typer

from infra.cli.options import ConfigFile, Overrides, PrintConfig, Workspace, configuration
from infra.cli.output import note


def serve(
    host: Annotated[
        str | None, typer.Option("--host", help="Where to listen; 127.0.0.1 if not given.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", help="8000 if not given; 0 takes a free one.")
    ] = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    print_config: PrintConfig = False,
) -> None:
    """Serve encoders and recommender over HTTP, with a web page.

    Starts all that it needs on this machine: Ray, a server for the vectors, encoders, recommender.
    A newly indexed champion is taken into use while it runs. Ctrl-C stops it.

    \b
    Examples:
      commonspace serve
      commonspace serve --port 9000 --set serve.security.mode=keys
    """
    given = {"serve.host": host, "serve.port": port}
    named = [f"{name}={value}" for name, value in given.items() if value is not None]
    settings = configuration(config, [*(overrides or []), *named], workspace, print_config)

    from infra.cli.progress import progress
    from infra.serving import service

    asked = threading.Event()

    def heed(number: int) -> None:
        signal.signal(number, lambda *_: asked.set())

    with (
        progress() as observer,
        # it may be asked to stop while it starts; Ctrl-C interrupts until it is ready
        service(settings, observer, ray_started=lambda: heed(signal.SIGTERM)) as running,
    ):
        heed(signal.SIGINT)
        note(f"Ready with model version {running.model_version}: {running.url}")
        note(f"  the API is described at {running.url}/openapi.json")
        if settings.serve.security.mode == "development":
            note("  development mode: no key is asked for, and only this machine is answered")
        note("Ctrl-C stops it.")
        asked.wait()
        note("Stopping: requests under way are answered first.")

"""`commonspace serve`: the HTTP API and the web page."""

import os
import signal
import sys
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
    with progress() as observer, service(settings, observer) as running:
        for each in (signal.SIGINT, signal.SIGTERM):  # not before: Ray sets handlers of its own
            signal.signal(each, lambda *_: asked.set())
        note(f"Ready with model version {running.model_version}: {running.url}")
        note(f"  the API is described at {running.url}/openapi.json")
        if settings.serve.security.mode == "development":
            note("  development mode: no key is asked for, and only this machine is answered")
        note("Ctrl-C stops it.")
        asked.wait()
        note("Stopping: requests under way are answered first.")
    # All is stopped. What is left are threads of Ray's and gRPC's, and one that writes a line while
    # the interpreter ends makes Python abort.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)

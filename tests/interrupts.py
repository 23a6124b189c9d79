"""Children that Ctrl-C reaches, whatever the shell has the tests ignore."""

import signal


def heed_interrupts() -> None:
    """As `preexec_fn`: tests in the background inherit SIGINT as ignored and would hand it on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)

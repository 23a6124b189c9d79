"""What a compose file says about a service, told in terms of this machine."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

COMPOSE = Path(__file__).resolve().parents[2] / "compose" / "compose.yaml"
_DATABASE = re.compile(r"postgresql\+psycopg://\w+@postgres:5432/(\w+)")
_DEFAULTED = re.compile(r"\$\{(\w+):-([^}]*)\}")


@dataclass(frozen=True)
class Service:
    """One service of a compose file, to be run as a process.

    Attributes:
        name: of the service; its host name, too.
        command: entrypoint and command.
        check: the command of its health check; empty if it has none.
        environment: variables that it is given.
    """

    name: str
    command: tuple[str, ...]
    check: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass
class Here:
    """Where things of the containers are on this machine.

    Attributes:
        folders: path in a container → path here, the longest prefix counts.
        database: URL of a database by its name.
        free_port: gives a port that nobody has.
        ports: (service, port in its container) → port here; filled as services ask.
    """

    folders: Mapping[str, Path]
    database: Callable[[str], str]
    free_port: Callable[[], int]
    ports: dict[tuple[str, int], int] = field(default_factory=dict)

    def port(self, service: str, port: int) -> int:
        """The port here of a service's port."""
        if (service, port) not in self.ports:
            self.ports[service, port] = self.free_port()
        return self.ports[service, port]

    def text(self, text: str, service: str, hosts: frozenset[str]) -> str:
        """A text that names hosts, ports and paths, for a service of those hosts.

        `HOST:PORT` becomes a port on the loopback, as do the service's own `--port=…` and what it
        calls itself; paths become those of this machine.
        """
        text = _DATABASE.sub(lambda found: self.database(found[1]), text)
        names = "|".join(re.escape(host) for host in sorted(hosts, key=len, reverse=True))
        text = re.sub(
            rf"(?<![\w.-])({names}|127\.0\.0\.1|0\.0\.0\.0|localhost):(\d+)",
            lambda found: (
                f"127.0.0.1:{self.port(found[1] if found[1] in hosts else service, int(found[2]))}"
            ),
            text,
        )
        text = re.sub(
            r"^(--[\w-]*port=)(\d+)$",
            lambda found: f"{found[1]}{self.port(service, int(found[2]))}",
            text,
        )
        text = text.replace("0.0.0.0", "127.0.0.1")
        for inside, here in sorted(self.folders.items(), key=lambda pair: -len(pair[0])):
            text = text.replace(inside, str(here))
        return text


def services(here: Here, file: Path = COMPOSE) -> dict[str, list[Service]]:
    """The services of a compose file that have a command, as many of each as it asks for."""
    tree = yaml.safe_load(file.read_text(encoding="utf-8"))["services"]
    hosts = frozenset(tree)
    found: dict[str, list[Service]] = {}
    for name, described in tree.items():
        if "command" in described:
            copies = range(described.get("deploy", {}).get("replicas", 1))
            found[name] = [_service(name, each, described, here, hosts) for each in copies]
    return found


def _service(
    name: str, copy: int, described: Mapping[str, Any], here: Here, hosts: frozenset[str]
) -> Service:
    own = f"{name}-{copy}" if copy else name  # each has ports of its own

    def told(text: Any) -> str:
        plain = _DEFAULTED.sub(lambda found: found[2], str(text)).replace("$$", "$")
        return here.text(plain, own, hosts)

    check = list(described.get("healthcheck", {}).get("test", ()))
    command = [*described.get("entrypoint", ()), *described["command"]]
    return Service(
        name=own,
        command=tuple(told(part) for part in command),
        check=tuple(told(part) for part in check[1:]),
        environment={k: told(v) for k, v in described.get("environment", {}).items()},
    )

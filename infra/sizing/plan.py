"""The plan: posts, people and questions a second, times what one of each takes.

Nothing is known here of how well a large cluster keeps what one machine does. Two factors say so:
machines are loaded to `busy` at most, and one more than needed is there for a failure.
"""

import math
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from infra.sizing.units import Measured, Prices
from training.config import Config

GB = 1e9


class Quantization(Config):
    """How a vector is kept in memory."""

    bytes_a_dimension: float = Field(gt=0)
    """4 for float32, 1 for scalar quantization (SQ8), an eighth for a bit or a byte in eight."""
    bytes_a_vector: float = Field(default=0, ge=0)
    """Beside those: norms, the place in a list."""
    graph: bool = False
    """Whether the links of an HNSW graph come on top; measured as `hnsw_bytes_per_vector`."""
    on_disk: bool = False
    """Whether the full vectors are read from the disk for the last ranking."""


QUANTIZATIONS = {
    "HNSW": Quantization(bytes_a_dimension=4, graph=True),
    "HNSW_SQ8": Quantization(bytes_a_dimension=1, graph=True, on_disk=True),
    "IVF_PQ": Quantization(bytes_a_dimension=1 / 8, bytes_a_vector=16, on_disk=True),
    "IVF_RABITQ": Quantization(bytes_a_dimension=1 / 8, bytes_a_vector=16, on_disk=True),
    "DISKANN": Quantization(bytes_a_dimension=1 / 8, bytes_a_vector=8, on_disk=True),
}
"""On paper, but for the graph: index types of Milvus. PQ with a byte for eight dimensions; RaBitQ
with a bit a dimension; DiskANN with PQ codes in memory and its graph on the disk."""


class SizingConfig(Config):
    """A network, and how it is kept."""

    posts: float = Field(default=1e6, gt=0)
    people: float = Field(default=1e5, gt=0)
    qps: float = Field(default=50, ge=0)
    """Recommendations, searches and other questions a second, at the busiest hour."""
    searches: float = Field(default=0.2, ge=0, le=1)
    """Share of the questions that bring a text to be encoded."""
    new_posts: float = Field(default=0.002, ge=0)
    """New posts a day, as a share of all."""
    reactions_a_person: float = Field(default=100, ge=0)
    """That are kept."""
    pictures: float = Field(default=0.7, ge=0, le=1)
    """Share of the posts that have one."""
    picture_bytes: float = Field(default=30_000, ge=0)
    """Of a picture as it is stored: small enough to encode, not the original."""
    dimension: int = Field(default=1536, gt=0)
    """Of the vectors."""
    index: Literal["HNSW", "HNSW_SQ8", "IVF_PQ", "IVF_RABITQ", "DISKANN"] = "HNSW"
    """How Milvus keeps vectors in memory."""
    copies: int = Field(default=2, ge=1)
    """Of the index in memory, so that one may fail."""
    epochs: int = Field(default=15, ge=1)
    """Of a training."""
    training_hours: float = Field(default=12, gt=0)
    """That a training may take."""
    encoding_days: float = Field(default=7, gt=0)
    """That the first encoding of everything may take."""
    busy: float = Field(default=0.6, gt=0, le=1)
    """Load of a processor or of memory at the busiest hour, at most."""


@dataclass(frozen=True)
class Part:
    """Machines of one role.

    Attributes:
        role: what for.
        machines: of the kind that the prices name for the role.
        cpus: that are needed, before rounding up.
        memory_gb: likewise.
        disk_gb: of all of them.
        bound_by: what decides on the number.
        months: share of a month that they are rented for.
    """

    role: str
    machines: int
    cpus: float
    memory_gb: float
    disk_gb: float
    bound_by: str
    months: float = 1.0


@dataclass(frozen=True)
class Plan:
    """What a network needs.

    Attributes:
        config: what was asked for.
        parts: by role.
        cost_a_month: under the assumed prices, of machines and disks.
        currency: of it.
    """

    config: SizingConfig
    parts: tuple[Part, ...]
    cost_a_month: float
    currency: str

    @property
    def machines(self) -> int:
        """That run all the time."""
        return sum(part.machines for part in self.parts if part.months == 1)

    @property
    def memory_gb(self) -> float:
        """Needed by the parts that run all the time."""
        return sum(part.memory_gb for part in self.parts if part.months == 1)

    @property
    def disk_gb(self) -> float:
        """Of all parts."""
        return sum(part.disk_gb for part in self.parts)


def plan(config: SizingConfig, units: Measured, prices: Prices) -> Plan:
    """Machines, memory, disk and cost of a network. Raises: NotFound for a unit that is missing."""
    parts = (
        _serving(config, units, prices),
        _vectors(config, units, prices),
        _database(config, units, prices),
        _encoding(config, units, prices),
        _training(config, units, prices),
    )
    cost = sum(
        part.machines * prices.machines[part.role].per_hour * prices.hours_a_month * part.months
        + part.disk_gb * prices.disk_gb_month
        for part in parts
    )
    return Plan(config, parts, cost, prices.currency)


def vector_bytes(config: SizingConfig, units: Measured) -> float:
    """Of one vector in memory, by the index that was chosen."""
    kind = QUANTIZATIONS[config.index]
    links = units["hnsw_bytes_per_vector"] if kind.graph else 0
    return kind.bytes_a_dimension * config.dimension + kind.bytes_a_vector + links


def _serving(config: SizingConfig, units: Measured, prices: Prices) -> Part:
    """Recommender, encoders for questions, and the HTTP edge; the search itself is Milvus'."""
    a_question = units["cpu_ms_per_recommendation"] + units["cpu_ms_per_request"]
    cpus = config.qps * (a_question + config.searches * units["cpu_ms_per_text"]) / 1000
    a_machine = prices.machines["serving"]
    # each machine holds the model with its learned vectors of people
    people_gb = config.people * units["user_bytes_serving"] / GB
    own_gb, usable = units["memory_gb_serving"], a_machine.memory_gb * config.busy
    machines = _machines(cpus / config.busy, 0, a_machine.cpus, 0)
    if own_gb + people_gb <= usable:
        return Part("serving", machines, cpus, machines * (own_gb + people_gb), 0, "processor")
    table_gb = config.copies * people_gb  # in shards, as no machine could hold it whole
    machines = max(machines, math.ceil(table_gb / (usable - own_gb)) + 1)
    bound = "memory: the table of people in shards"
    return Part("serving", machines, cpus, machines * own_gb + table_gb, 0, bound)


def _vectors(config: SizingConfig, units: Measured, prices: Prices) -> Part:
    # of a post as a whole, of its text, of its picture
    vectors = config.posts * (1 + 1 + config.pictures) + config.people
    kept = vectors * (vector_bytes(config, units) + units["row_bytes_beside_vector"])
    memory = config.copies * kept / GB
    # segments on disk: the full vectors and their index, once; two versions while one replaces one
    disk = 2 * vectors * (4 * config.dimension + units["row_bytes_beside_vector"]) / GB
    if QUANTIZATIONS[config.index].on_disk:
        disk += config.copies * vectors * 4 * config.dimension / GB  # read for the last ranking
    a_question = units["searches_per_recommendation"] * units["cpu_ms_per_search"]
    cpus = config.qps * a_question / 1000
    machine = prices.machines["vectors"]
    machines = _machines(cpus / config.busy, memory / config.busy, machine.cpus, machine.memory_gb)
    bound = "memory" if memory / machine.memory_gb > cpus / machine.cpus else "processor"
    return Part("vectors", machines, cpus, memory, disk, bound)


def _database(config: SizingConfig, units: Measured, prices: Prices) -> Part:
    rows = (
        config.posts * units["post_row_bytes"]
        + config.people * config.reactions_a_person * units["reaction_row_bytes"]
        + config.people * units["person_row_bytes"]
    )
    pictures = config.posts * config.pictures * config.picture_bytes
    cpus = config.qps * units["cpu_ms_per_question_of_events"] / 1000
    machine = prices.machines["database"]
    # a tenth of the rows is asked for again and again
    memory = 0.1 * rows / GB
    machines = _machines(cpus / config.busy, memory / config.busy, machine.cpus, machine.memory_gb)
    bound = "memory" if memory / machine.memory_gb > cpus / machine.cpus else "processor"
    return Part("database", machines, cpus, memory, 2 * (rows + pictures) / GB, bound)


def _encoding(config: SizingConfig, units: Measured, prices: Prices) -> Part:
    """The first encoding of everything, spread over days; new posts afterwards are a small part."""
    a_post = config.pictures * units["cpu_ms_per_image"] + units["cpu_ms_per_text"]
    once = config.posts * a_post / 1000 / 3600  # hours of one processor
    cpus = once / (24 * config.encoding_days)
    daily = config.posts * config.new_posts * a_post / 1000 / 86400
    features = config.posts * units["feature_bytes_per_post"] / GB
    machine = prices.machines["encoding"]
    machines = _machines(cpus / config.busy, 0, machine.cpus, 0)
    months = config.encoding_days / 30 + daily / max(cpus, 1e-9)
    return Part("encoding", machines, cpus, 0, features, "processor", min(0.99, months))


def _training(config: SizingConfig, units: Measured, prices: Prices) -> Part:
    seconds = config.posts * config.epochs * units["cpu_ms_per_training_sample"] / 1000
    cpus = seconds / 3600 / config.training_hours
    memory = config.people * units["user_bytes_training"] / GB
    machine = prices.machines["training"]
    machines = _machines(
        cpus / config.busy, memory / config.busy, machine.cpus, machine.memory_gb, spare=0
    )
    bound = "memory" if memory / machine.memory_gb > cpus / machine.cpus else "processor"
    months = min(0.99, 4 * config.training_hours / 730)  # once a week
    return Part("training", machines, cpus, memory, 0, bound, months)


def _machines(
    cpus: float, memory_gb: float, cpus_each: int, memory_each: float, spare: int = 1
) -> int:
    """How many, with one more than needed for a failure."""
    by_cpu = math.ceil(cpus / cpus_each)
    by_memory = math.ceil(memory_gb / memory_each) if memory_each else 0
    return max(1, by_cpu, by_memory) + spare

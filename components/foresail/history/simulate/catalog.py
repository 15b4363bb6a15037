"""What the simulated cluster consists of: three node pools, six namespaces, forty workloads."""

from dataclasses import dataclass

GIB = float(2**30)
MIB = float(2**20)


@dataclass(frozen=True, slots=True)
class Pool:
    """Two equal nodes.

    Attributes:
        name: Its nodes are `NAME-1` and `NAME-2`.
        cores: Allocatable cores of each node.
        memory: Allocatable bytes of each node.
    """

    name: str
    cores: float
    memory: float


@dataclass(frozen=True, slots=True)
class Workload:
    """One workload as it runs on an average hour.

    Attributes:
        namespace: Where.
        kind: Deployment, StatefulSet, DaemonSet or CronJob.
        name: What.
        replicas: Pods at a time; a DaemonSet has one on each node.
        pool: Where its pods run; empty for everywhere.
        rhythm: When people want it: `office`, `evening`, `night` or `flat`.
        cores: Of one pod in its quietest hour.
        swing: How much more it uses in its busiest hour, as a share of `cores`.
        mebibytes: Working set of one pod.
        memory_swing: As `swing`, of the working set.
    """

    namespace: str
    kind: str
    name: str
    replicas: int
    pool: str
    rhythm: str
    cores: float
    swing: float
    mebibytes: float
    memory_swing: float

    @property
    def requests(self) -> dict[str, float]:
        """Return the requests of one container: cpu in cores, memory in bytes."""
        return {
            "cpu": round(max(0.01, self.cores * (1 + self.swing / 2)), 2),
            "memory": round(self.mebibytes * 1.1) * MIB,
        }

    @property
    def limits(self) -> dict[str, float]:
        """Return the limits of one container, alike."""
        return {
            "cpu": round(max(0.1, 2.5 * self.cores * (1 + self.swing)), 2),
            "memory": round(self.mebibytes * 1.6 * (1 + self.memory_swing)) * MIB,
        }


POOLS = (
    Pool("general", cores=7.91, memory=14.7 * GIB),
    Pool("compute", cores=23.85, memory=29.6 * GIB),
    Pool("memory", cores=7.91, memory=60.9 * GIB),
)
NODES = tuple((f"{pool.name}-{i}", pool) for pool in POOLS for i in (1, 2))

STEPPED = "checkout"
"""A release makes it need more from one hour to the next."""
LEAKING = "indexer"
"""Loses memory until it is killed at its limit and starts again."""
NIGHTLY = "nightly-report"
"""A CronJob: two hours each night."""
SPIKING = "storefront"
"""One afternoon everybody came."""
IDLE = "legacy-admin"
"""Nobody uses it any more."""
NEW = "fraud-score"
"""Runs for two days."""
GROWING = "event-store"
"""Grows every day, and fills its node."""

_ROWS = (
    ("shop", "Deployment", "storefront", 4, "compute", "evening", 0.55, 1.8, 640, 0.25),
    ("shop", "Deployment", "cart", 3, "general", "evening", 0.16, 1.6, 380, 0.15),
    ("shop", "Deployment", "catalog", 3, "general", "evening", 0.22, 1.4, 520, 0.10),
    ("shop", "Deployment", "recommendations", 2, "compute", "evening", 0.60, 1.2, 2600, 0.20),
    ("shop", "Deployment", "images", 2, "general", "evening", 0.14, 1.1, 300, 0.10),
    ("shop", "StatefulSet", "sessions", 2, "memory", "evening", 0.10, 0.9, 2900, 0.20),
    ("shop", "Deployment", "edge", 3, "general", "evening", 0.20, 1.5, 260, 0.05),
    ("shop", "Deployment", "email", 1, "general", "office", 0.05, 1.5, 210, 0.05),
    ("payments", "Deployment", STEPPED, 3, "compute", "evening", 0.30, 1.5, 560, 0.15),
    ("payments", "StatefulSet", "ledger", 2, "memory", "office", 0.28, 1.4, 4100, 0.05),
    ("payments", "Deployment", NEW, 2, "compute", "evening", 0.35, 1.2, 900, 0.10),
    ("payments", "Deployment", "invoices", 1, "general", "office", 0.07, 1.8, 340, 0.10),
    ("payments", "Deployment", "webhooks", 2, "general", "evening", 0.06, 1.2, 190, 0.05),
    ("payments", "Deployment", "payouts", 1, "general", "office", 0.09, 1.0, 310, 0.05),
    ("payments", "StatefulSet", "vault", 1, "memory", "flat", 0.04, 0.1, 480, 0.02),
    ("search", "Deployment", "query", 3, "compute", "evening", 0.65, 1.6, 1900, 0.15),
    ("search", "Deployment", LEAKING, 1, "compute", "flat", 0.40, 0.3, 420, 0.00),
    ("search", "Deployment", "suggest", 2, "general", "evening", 0.18, 1.7, 450, 0.10),
    ("search", "StatefulSet", "search-data", 3, "memory", "evening", 0.45, 1.1, 8800, 0.06),
    ("search", "Deployment", "synonyms", 1, "general", "flat", 0.02, 0.2, 150, 0.02),
    ("search", "Deployment", "crawler", 2, "compute", "night", 0.30, 2.0, 750, 0.30),
    ("data", "StatefulSet", GROWING, 1, "memory", "evening", 0.50, 0.8, 24000, 0.00),
    ("data", "StatefulSet", "warehouse", 1, "memory", "office", 0.60, 1.5, 6100, 0.15),
    ("data", "Deployment", "etl", 2, "compute", "night", 0.35, 2.2, 1500, 0.35),
    ("data", "CronJob", NIGHTLY, 1, "compute", "flat", 2.40, 0.1, 3800, 0.10),
    ("data", "Deployment", "dashboards", 1, "general", "office", 0.08, 2.0, 620, 0.20),
    ("data", "Deployment", "stream", 2, "general", "evening", 0.25, 0.9, 1100, 0.05),
    ("data", "Deployment", "notebooks", 2, "compute", "office", 0.40, 2.5, 3100, 0.40),
    ("platform", "Deployment", "ingress", 2, "general", "evening", 0.24, 1.5, 330, 0.05),
    ("platform", "Deployment", "cert-manager", 1, "general", "flat", 0.01, 0.1, 120, 0.02),
    ("platform", "Deployment", IDLE, 1, "general", "flat", 0.002, 0.0, 96, 0.00),
    ("platform", "Deployment", "registry", 1, "general", "office", 0.06, 1.0, 280, 0.10),
    ("platform", "Deployment", "gitops", 1, "general", "office", 0.12, 0.8, 540, 0.10),
    ("platform", "Deployment", "ci-runner", 3, "compute", "office", 0.45, 2.6, 1400, 0.50),
    ("platform", "DaemonSet", "log-agent", 6, "", "evening", 0.06, 0.8, 140, 0.05),
    ("monitoring", "StatefulSet", "prometheus", 1, "memory", "flat", 0.55, 0.2, 5200, 0.08),
    ("monitoring", "Deployment", "grafana", 1, "general", "office", 0.03, 1.5, 230, 0.05),
    ("monitoring", "StatefulSet", "alertmanager", 2, "general", "flat", 0.01, 0.1, 90, 0.02),
    ("monitoring", "DaemonSet", "node-exporter", 6, "", "flat", 0.02, 0.1, 45, 0.02),
    ("monitoring", "Deployment", "kube-state-metrics", 1, "general", "flat", 0.02, 0.1, 110, 0.02),
)
WORKLOADS = tuple(Workload(*row) for row in _ROWS)

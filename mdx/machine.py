"""What the machine offers, and how much of it this process uses."""

import math
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def available_cpus() -> int:
    """CPUs for this process, by its affinity and its cgroup's quota, not the host's count."""
    count = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    quota = cgroup_quota()
    return count if quota is None else max(1, min(count, math.ceil(quota)))


def cgroup_quota(
    membership: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> float | None:
    """The process's CPU quota, as set for containers, in CPUs; None for no limit.

    The smallest quota of its own cgroup and those above it counts, in either version of cgroups.
    """
    quotas = map(_quota_of, _cgroups("cpu", membership, root))
    return min((quota for quota in quotas if quota is not None), default=None)


def _cgroups(controller: str, membership: Path, root: Path) -> Iterator[Path]:
    # The folders of the process's own cgroup and of those above it.
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        top = root / controller if controller in controllers.split(",") else root
        group = top / path.lstrip("/")
        yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(top))


def _quota_of(folder: Path) -> float | None:
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        else:
            names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            quota, period = ((folder / name).read_text(encoding="ascii") for name in names)
        return int(quota) / int(period) if int(quota) > 0 else None
    except (OSError, ValueError):  # no such file, or "max": no limit here
        return None


def total_memory(
    membership: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> int:
    """Bytes of memory available to this process, limited by the machine and by its cgroups."""
    sizes = []
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        sizes.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for folder in _cgroups("memory", membership, root):
        for name in ("memory.max", "memory.limit_in_bytes"):
            with suppress(OSError, ValueError):  # no such file, or "max": no limit here
                sizes.append(int((folder / name).read_text(encoding="ascii")))
    return min(sizes, default=sys.maxsize)


def has_vnni(info: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this x86 CPU has VNNI, fast int8 products; False if the system does not say."""
    return bool(_cpu_words(info) & {"avx512_vnni", "avx_vnni"})


def has_bf16(info: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this x86 CPU has fast bfloat16 multiplication; False if the system does not say."""
    return bool(_cpu_words(info) & {"avx512_bf16", "amx_bf16"})


def _cpu_words(info: Path) -> set[str]:
    try:
        return set(info.read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        return set()


def cpu_model(info: Path = Path("/proc/cpuinfo")) -> str:
    """The CPU's model name, or the architecture if the system hides it.

    On x86 its family and model follow, since virtual machines may hide the generation in the name.
    """
    fields: dict[str, str] = {}
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            fields.setdefault(key.strip(), value.strip())
    if "model name" not in fields:
        return platform.processor() or platform.machine()
    generation = {"family": fields.get("cpu family"), "model": fields.get("model")}
    known = [f"{key} {value}" for key, value in generation.items() if value]
    return ", ".join([fields["model name"], *known])


def peak_memory() -> int | None:
    """Peak resident memory of this process in bytes; None if the system does not say."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would also count the process that started this one
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

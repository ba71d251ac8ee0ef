"""How much memory the processes of a service have had at most."""

from pathlib import Path

from tests.support.processes import Service


def peak_megabytes(service: Service) -> dict[str, float]:
    """The largest peak (VmHWM) among the processes of the API, and among those of the workers."""
    names = {service.api.pid: "API"} | {worker.pid: "worker" for worker in service.workers}
    peaks: dict[str, float] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            group = int((folder / "stat").read_text().rpartition(")")[2].split()[2])
            told = (folder / "status").read_text()
        except OSError:
            continue
        if group in names and "VmHWM:" in told:
            kilobytes = int(told.split("VmHWM:", 1)[1].split()[0])
            peaks[names[group]] = max(peaks.get(names[group], 0.0), kilobytes / 1024)
    return peaks

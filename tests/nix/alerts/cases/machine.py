"""Alerts of the machine."""

from nix.alerts.cases.case import NODE, ON_NODE, Case

DISK = f'device="sda",fstype="ext4",mountpoint="/var",{NODE}'
ON_DISK = {"device": "sda", "fstype": "ext4", "mountpoint": "/var", **ON_NODE}

CASES = (
    Case(
        "DiskAlmostFull",
        at=20,
        fires={f"node_filesystem_avail_bytes{{{DISK}}}": "5x30", f"node_filesystem_size_bytes{{{DISK}}}": "100x30"},
        silent={f"node_filesystem_avail_bytes{{{DISK}}}": "15x30"},
        labels=ON_DISK,
        summary="/var has 5% left",
    ),
    Case(
        "DiskFullSoon",
        at=500,
        fires={
            f"node_filesystem_avail_bytes{{{DISK}}}": "1000-0.8x500",
            f"node_filesystem_size_bytes{{{DISK}}}": "2000x500",
        },
        silent={f"node_filesystem_avail_bytes{{{DISK}}}": "700-0.1x500"},
        labels=ON_DISK,
        summary="/var will be full within a day",
    ),
    Case(
        "MemoryLow",
        at=15,
        fires={f"node_memory_MemAvailable_bytes{{{NODE}}}": "5x20", f"node_memory_MemTotal_bytes{{{NODE}}}": "100x20"},
        silent={f"node_memory_MemAvailable_bytes{{{NODE}}}": "25x20"},
        labels=ON_NODE,
        summary="5% of the machine's memory is left",
    ),
    Case(
        "MemoryPressure",
        at=15,
        fires={f"node_pressure_memory_stalled_seconds_total{{{NODE}}}": "0+12x20"},
        silent={f"node_pressure_memory_stalled_seconds_total{{{NODE}}}": "0+3x20"},
        labels=ON_NODE,
        summary="The machine stands still for want of memory, 20% of the time",
    ),
    Case(
        "OutOfMemoryKill",
        at=8,
        fires={f"node_vmstat_oom_kill{{{NODE}}}": "3x5 4x10"},
        silent={f"node_vmstat_oom_kill{{{NODE}}}": "3x15"},
        labels=ON_NODE,
        summary="The kernel has ended a process for want of memory",
    ),
    Case(
        "ProcessorSaturated",
        at=50,
        fires={
            f'node_cpu_seconds_total{{cpu="0",mode="idle",{NODE}}}': "0+1x60",
            f'node_cpu_seconds_total{{cpu="1",mode="idle",{NODE}}}': "0+2x60",
        },
        silent={f'node_cpu_seconds_total{{cpu="1",mode="idle",{NODE}}}': "0+30x60"},
        labels={"instance": "n"},
        summary="The processors have been busy for half an hour",
    ),
)

start_all()
wait_for_services(server, *ALL)
BOUNDS = {f"ai-stack-{name}.service": 2.5 if name == "embeddings" else 1.5 for name in ALL}
HELPERS = [
    "ai-stack-secrets.service",
    "ai-stack-tls.service",
    "ai-stack-backup.service",
    "ai-stack-certificate.service",
]

with subtest("every unit scores as promised"):
    for unit, bound in BOUNDS.items():
        score = exposure(server, unit)
        print(f"{unit}: {score}")
        assert score <= bound, (unit, score)
    for unit in HELPERS:
        score = exposure(server, unit)
        print(f"{unit}: {score}")
        assert score <= 2.5, (unit, score)

PIDS = {unit: main_pid(server, unit) for unit in BOUNDS}

with subtest("no unit has privileges, nor a way to any"):
    for unit, pid in PIDS.items():
        lines = server.succeed(f"cat /proc/{pid}/status").splitlines()
        status = dict(line.split(":", 1) for line in lines if ":" in line)
        assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0, (unit, status)
        assert status["NoNewPrivs"].strip() == "1", unit
        assert status["Seccomp"].strip() == "2", unit
        assert "0" not in status["Uid"].split(), unit

with subtest("every unit sees a system that it cannot change, and homes and devices of nobody"):
    for unit, pid in PIDS.items():
        inside = f"nsenter --target {pid} --mount --"
        for place in ("/etc", "/usr", "/var/lib", "/nix/store"):
            server.fail(f"{inside} touch {place}/written")
        for device in ("mem", "kmsg", "vda"):
            server.fail(f"{inside} test -e /dev/{device}")
        seen = server.succeed(f"{inside} ls -A /home /root 2>/dev/null || true").split()
        assert set(seen) <= {"/home:", "/root:"}, (unit, seen)

with subtest("every unit may reach this machine and nothing else"):
    for unit in BOUNDS:
        filters = server.succeed(f"systemctl show --property IPAddressAllow,IPAddressDeny {unit}")
        denied = next(line for line in filters.splitlines() if line.startswith("IPAddressDeny="))
        assert set(denied.partition("=")[2].split()) == {"0.0.0.0/0", "::/0"}, (unit, filters)

with subtest("every unit has limits of memory and of processes"):
    for unit in BOUNDS:
        limits = server.succeed(f"systemctl show --property MemoryMax,TasksMax {unit}")
        assert "infinity" not in limits, (unit, limits)

# Alerts on the machine.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  observability = import ../lib.nix { inherit lib; };
  disks = ''{fstype!~"tmpfs|ramfs|devtmpfs|overlay|squashfs|iso9660|erofs"}'';
in
{
  config.services.ai-stack.alerts = lib.mkIf cfg.prometheus.enable (
    observability.defaults {
      DiskAlmostFull = {
        expr = "node_filesystem_avail_bytes${disks} / node_filesystem_size_bytes${disks} < 0.1";
        for = "15m";
        severity = "critical";
        summary = "{{ $labels.mountpoint }} has {{ $value | humanizePercentage }} left";
        description = "When it is full, PostgreSQL stops and documents are refused.";
      };
      DiskFullSoon = {
        expr = "predict_linear(node_filesystem_avail_bytes${disks}[6h], 86400) < 0 and node_filesystem_avail_bytes${disks} / node_filesystem_size_bytes${disks} < 0.4";
        for = "1h";
        summary = "{{ $labels.mountpoint }} will be full within a day";
        description = "It fills at the pace of the last six hours.";
      };
      MemoryLow = {
        expr = "node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes < 0.1";
        for = "10m";
        summary = "{{ $value | humanizePercentage }} of the machine's memory is left";
        description = "Soon processes wait for memory or are ended.";
      };
      MemoryPressure = {
        # Share of time in which everything stood still for want of memory (kernel documentation, accounting/psi).
        expr = "rate(node_pressure_memory_stalled_seconds_total[5m]) > 0.1";
        for = "5m";
        severity = "critical";
        summary = "The machine stands still for want of memory, {{ $value | humanizePercentage }} of the time";
        description = "Everything is slow.";
      };
      OutOfMemoryKill = {
        expr = "increase(node_vmstat_oom_kill[10m]) > 0";
        for = "0";
        summary = "The kernel has ended a process for want of memory";
        description = "A unit went beyond its `memoryMax`, or the machine has too little.";
      };
      ProcessorSaturated = {
        expr = ''1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m])) > 0.95'';
        for = "30m";
        summary = "The processors have been busy for half an hour";
        description = "Answers take longer than they should.";
      };
    }
  );
}

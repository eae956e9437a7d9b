# The dashboard of the machine.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  disks = ''{fstype!~"tmpfs|ramfs|devtmpfs|overlay|squashfs|iso9660|erofs"}'';
  devices = ''{device!~"lo|veth.*|docker.*|br-.*"}'';
  query = expr: legend: { inherit expr legend; };
in
{
  config.services.ai-stack.dashboards.ai-stack-machine = lib.mkIf cfg.grafana.enable {
    title = "AI Stack / machine";
    panels = [
      {
        title = "Processors";
        unit = "percentunit";
        max = 1;
        stacked = true;
        queries = [
          (query ''sum by (mode) (rate(node_cpu_seconds_total{mode!="idle"}[5m])) / scalar(count(node_cpu_seconds_total{mode="idle"}))'' "{{mode}}")
        ];
      }
      {
        title = "Memory";
        unit = "bytes";
        queries = [
          (query "node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes" "in use")
          (query "node_memory_MemTotal_bytes" "all")
          (query "node_memory_SwapTotal_bytes - node_memory_SwapFree_bytes" "swapped out")
        ];
      }
      {
        title = "Pressure";
        unit = "percentunit";
        description = "Share of time in which some process waited for the processor, for memory or for a disk.";
        queries = [
          (query "rate(node_pressure_cpu_waiting_seconds_total[5m])" "processor")
          (query "rate(node_pressure_memory_waiting_seconds_total[5m])" "memory")
          (query "rate(node_pressure_io_waiting_seconds_total[5m])" "disk")
        ];
      }
      {
        title = "Disks, in use";
        type = "bargauge";
        unit = "percentunit";
        max = 1;
        queries = [
          (query "1 - node_filesystem_avail_bytes${disks} / node_filesystem_size_bytes${disks}" "{{mountpoint}}")
        ];
        thresholds = [
          {
            from = 0.8;
            color = "yellow";
          }
          {
            from = 0.9;
            color = "red";
          }
        ];
      }
      {
        title = "Disks, read and written";
        unit = "Bps";
        queries = [
          (query "sum by (device) (rate(node_disk_read_bytes_total[5m]))" "{{device}} read")
          (query "sum by (device) (rate(node_disk_written_bytes_total[5m]))" "{{device}} written")
        ];
      }
      {
        title = "Network";
        unit = "Bps";
        queries = [
          (query "rate(node_network_receive_bytes_total${devices}[5m])" "{{device}} in")
          (query "rate(node_network_transmit_bytes_total${devices}[5m])" "{{device}} out")
        ];
      }
      {
        title = "Failed units";
        type = "state-timeline";
        queries = [ (query ''node_systemd_unit_state{state="failed"} == 1'' "{{name}}") ];
        values."1" = "failed";
        thresholds = [
          {
            from = 1;
            color = "red";
          }
        ];
      }
      {
        title = "Processes ended for want of memory";
        queries = [ (query "increase(node_vmstat_oom_kill[15m])" "ended") ];
      }
    ]
    ++ lib.optionals cfg.gateway.enable [
      {
        title = "Gateway: requests";
        unit = "reqps";
        queries = [ (query "rate(nginx_http_requests_total[5m])" "requests") ];
      }
      {
        title = "Gateway: connections";
        queries = [
          (query "nginx_connections_active" "open")
          (query "nginx_connections_waiting" "idle")
        ];
      }
      {
        title = "Gateway: certificate";
        type = "stat";
        unit = "s";
        min = null;
        queries = [
          (query "ai_stack_certificate_expiry_timestamp_seconds - time()" "left")
        ];
      }
    ];
  };
}

# Alerts on the gateway and its certificate, which tls.nix measures once a day.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  observability = import ../lib.nix { inherit lib; };
in
{
  config.services.ai-stack.alerts = lib.mkIf (cfg.prometheus.enable && cfg.gateway.enable) (
    observability.defaults {
      GatewayDown = {
        expr = "nginx_up == 0";
        for = "2m";
        severity = "critical";
        summary = "The gateway does not answer";
        description = "Nobody outside this machine reaches any service.";
      };
      TLSCertificateExpiringSoon = {
        expr = "ai_stack_certificate_expiry_timestamp_seconds - time() < 7 * 86400";
        for = "1h";
        severity = "critical";
        summary = "The gateway's certificate ends in {{ $value | humanizeDuration }}";
        description = "Then clients refuse to connect.";
      };
      TLSCertificateExpiryWarning = {
        # Certificates are renewed 30 days before they end; two weeks of failed attempts are worth a look.
        expr = "ai_stack_certificate_expiry_timestamp_seconds - time() < 16 * 86400";
        for = "1h";
        summary = "The gateway's certificate ends in {{ $value | humanizeDuration }} and has not been renewed";
        description = "Renewal has been failing for two weeks, or nobody has replaced the given certificate.";
      };
      TLSCertificateNotMeasured = {
        expr = ''time() - node_textfile_mtime_seconds{file=~".*/certificate.prom"} > 3 * 86400'';
        for = "1h";
        summary = "Nobody has looked at the gateway's certificate for {{ $value | humanizeDuration }}";
        description = "The alerts on its end rest on an old value.";
      };
    }
  );
}

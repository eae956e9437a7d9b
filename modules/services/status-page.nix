# status-page: how the whole stack is, on one page for operators.
{ config, lib, ... }:
let
  cfg = config.services.ai-stack;
  self = cfg.services.status-page;
  common = import ../lib.nix { inherit lib; };

  # Whatever uses the runtime says how it is, the user's own services too; also what runs elsewhere only.
  watched = lib.filterAttrs (
    name: service: name != "status-page" && service.runtime == "ai-stack" && service.endpoints != [ ]
  ) cfg.services;

  everywhere = [
    "0.0.0.0"
    "127.0.0.1"
  ];
  onLoopback = lib.any (address: lib.elem address everywhere) cfg.gateway.listenAddresses;
in
{
  config.services.ai-stack = {
    services.status-page = {
      package = lib.mkDefault cfg.packages.ai-stack;
      executable = "ai-stack-status-page";
      port = lib.mkDefault 8096;
      route = lib.mkDefault "/status/";

      settings = {
        services = lib.mkDefault (
          lib.mapAttrsToList (name: service: {
            inherit name;
            inherit (service) url;
          }) watched
        );
        links = lib.mkDefault (
          lib.optional cfg.grafana.enable {
            title = "Grafana";
            href = cfg.grafana.route;
          }
          ++ lib.optional (cfg.gateway.routes ? jaeger) {
            title = "Jaeger";
            href = cfg.gateway.routes.jaeger.prefix;
          }
        );
        gateway = lib.mkIf (cfg.gateway.enable && onLoopback) (
          lib.mkDefault {
            port = cfg.gateway.httpsPort;
            server_name = cfg.domain;
            authority = if cfg.tls.mode == "selfSigned" then cfg.tls.authority else null;
          }
        );
        backup_metrics = lib.mkIf cfg.backup.enable (lib.mkDefault "${common.state}/metrics/backup.prom");
      };
      peers = lib.mapAttrsToList (_: service: common.hostOf service.url) watched;

      memoryMax = lib.mkDefault "256M";
    };
    gateway.landing = lib.mkIf (self.enable && self.route != null) (lib.mkDefault self.route);
  };
}

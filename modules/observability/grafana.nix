# Grafana: nixpkgs' own module, behind the gateway and its own log-in. Everything in it comes from here.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.ai-stack;
  common = import ../lib.nix { inherit lib; };
  grafana = cfg.grafana;
  unit = "grafana.service";
  credential = name: "$__file{/run/credentials/${unit}/${name}}";
  routed = cfg.gateway.enable;
  httpsPort = lib.optionalString (cfg.gateway.httpsPort != 443) ":${toString cfg.gateway.httpsPort}";

  dashboards = pkgs.linkFarm "ai-stack-dashboards" (
    lib.mapAttrsToList (uid: dashboard: {
      name = "${uid}.json";
      path = (pkgs.formats.json { }).generate "${uid}.json" dashboard.rendered;
    }) cfg.dashboards
  );
in
{
  options.services.ai-stack = {
    grafana = {
      enable = lib.mkOption {
        type = lib.types.bool;
        default = cfg.enable && cfg.prometheus.enable;
        defaultText = lib.literalExpression "config.services.ai-stack.enable && config.services.ai-stack.prometheus.enable";
        description = ''
          Whether to run Grafana with the dashboards of the stack, at `route`. The user is `admin`; its first password
          is in `${common.state}/secrets/grafana-admin-password` and stays until it is changed in Grafana.
        '';
      };
      port = lib.mkOption {
        type = lib.types.port;
        default = 3000;
        description = "Loopback port.";
      };
      route = lib.mkOption {
        type = common.types.routePrefix;
        default = "/grafana/";
        description = "Path prefix at the gateway.";
      };
      memoryMax = lib.mkOption {
        type = common.types.size;
        default = "512M";
        description = "Memory of Grafana.";
      };
      dataSources = lib.mkOption {
        type = lib.types.listOf (lib.types.attrsOf lib.types.anything);
        default = [ ];
        internal = true;
        description = "Data sources as Grafana provisions them.";
      };
      url = lib.mkOption {
        type = lib.types.str;
        readOnly = true;
        internal = true;
        default =
          if routed then
            "https://${cfg.domain}${httpsPort}${grafana.route}"
          else
            "http://127.0.0.1:${toString grafana.port}/";
        description = "Where people find Grafana.";
      };
    };
    secrets.grafanaAdminPassword = lib.mkOption {
      type = lib.types.nullOr common.types.secretFile;
      default = null;
      example = "/run/secrets/grafana-admin";
      description = "File with the first password of Grafana's user `admin`; generated when null.";
    };
    secrets.grafanaSecretKey = lib.mkOption {
      type = lib.types.nullOr common.types.secretFile;
      default = null;
      example = "/run/secrets/grafana-secret-key";
      description = "File with the key that Grafana encrypts its own secrets with; generated when null.";
    };
  };

  config = lib.mkIf grafana.enable {
    services.ai-stack = {
      ports.grafana = [ grafana.port ];
      memory.${unit} = grafana.memoryMax;
      gateway.routes.grafana = lib.mkIf routed {
        prefix = grafana.route;
        target = "http://127.0.0.1:${toString grafana.port}";
      };
      secrets.registry = {
        grafana-admin-password = {
          file = cfg.secrets.grafanaAdminPassword;
          units = [ unit ];
        };
        grafana-secret-key = {
          file = cfg.secrets.grafanaSecretKey;
          units = [ unit ];
        };
      };
      grafana.dataSources = lib.mkIf cfg.prometheus.enable [
        {
          name = "Prometheus";
          uid = "ai-stack-prometheus";
          type = "prometheus";
          access = "proxy";
          url = "http://127.0.0.1:${toString cfg.prometheus.port}";
          isDefault = true;
          editable = false;
          jsonData.timeInterval = cfg.prometheus.scrapeInterval;
        }
      ];
    };

    services.grafana = {
      enable = true;
      settings = {
        server = {
          http_addr = "127.0.0.1";
          http_port = grafana.port;
          domain = lib.mkDefault cfg.domain;
          root_url = lib.mkDefault grafana.url;
          serve_from_sub_path = lib.mkDefault routed;
        };
        security = {
          admin_user = lib.mkDefault "admin";
          admin_password = credential "admin_password";
          secret_key = credential "secret_key";
          cookie_secure = lib.mkDefault routed;
          cookie_samesite = lib.mkDefault "strict";
          disable_gravatar = true;
        };
        "auth.anonymous".enabled = lib.mkDefault false;
        users.allow_sign_up = lib.mkDefault false;
        # Nothing is told to or asked from anybody.
        analytics = {
          reporting_enabled = false;
          check_for_updates = false;
          check_for_plugin_updates = false;
          feedback_links_enabled = false;
        };
        news.news_feed_enabled = false;
        plugins.preinstall_disabled = true;
        dashboards.default_home_dashboard_path = lib.mkDefault "${dashboards}/ai-stack-overview.json";
      };
      provision = {
        enable = true;
        datasources.settings = {
          apiVersion = 1;
          datasources = grafana.dataSources;
        };
        dashboards.settings = {
          apiVersion = 1;
          providers = [
            {
              name = "ai-stack";
              type = "file";
              folder = "AI stack";
              allowUiUpdates = false;
              disableDeletion = true;
              options.path = dashboards;
            }
          ];
        };
      };
    };

    systemd.services.grafana = {
      wants = [ "ai-stack-secrets.service" ];
      after = [ "ai-stack-secrets.service" ];
      serviceConfig = cfg.storeSandbox [ "AmbientCapabilities" ] // {
        LoadCredential = [
          "admin_password:${cfg.secrets.registry.grafana-admin-password.path}"
          "secret_key:${cfg.secrets.registry.grafana-secret-key.path}"
        ];
        MemoryMax = grafana.memoryMax;
        ProtectSystem = lib.mkForce "strict";
        UMask = lib.mkForce "0077";
      };
    };
  };
}

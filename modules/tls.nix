# The gateway's certificate: from an internal authority, from ACME, or given as files.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.ai-stack;
  common = import ./lib.nix { inherit lib; };
  directory = "${common.state}/tls";
  metrics = "${common.state}/metrics";

  program = pkgs.writeShellApplication {
    name = "ai-stack-tls";
    runtimeInputs = [
      pkgs.coreutils
      pkgs.gnugrep
      pkgs.openssl
    ];
    text = builtins.readFile ./scripts/tls.sh;
  };

  # nginx is not root and cannot read a key that only root can; the service manager hands it over.
  credential = name: "/run/credentials/nginx.service/${name}";

  byMode = {
    selfSigned = {
      certificate = "${directory}/server.crt";
      key = "${directory}/server.key";
    };
    files = { inherit (cfg.tls) certificate key; };
    acme.certificate = "${config.security.acme.certs.${cfg.domain}.directory}/fullchain.pem";
  };
  source = byMode.${cfg.tls.mode};
in
{
  options.services.ai-stack.tls = {
    mode = lib.mkOption {
      type = lib.types.enum [
        "selfSigned"
        "acme"
        "files"
      ];
      default = "selfSigned";
      description = ''
        Where the certificate comes from. `selfSigned`: an internal authority made on first boot, whose certificate is
        served at `/.well-known/ai-stack-ca.crt`; trust it on the clients. `acme`: Let's Encrypt, over HTTP on port 80.
        `files`: `certificate` and `key`.
      '';
    };
    email = lib.mkOption {
      type = lib.types.nullOr lib.types.str;
      default = null;
      example = "ops@example.org";
      description = "Contact for ACME. Giving it accepts the terms of service of the authority.";
    };
    certificate = lib.mkOption {
      type = lib.types.nullOr common.types.secretFile;
      default = null;
      example = "/run/secrets/ai.example.org.crt";
      description = "File with the certificate and its chain, for the mode `files`.";
    };
    key = lib.mkOption {
      type = lib.types.nullOr common.types.secretFile;
      default = null;
      example = "/run/secrets/ai.example.org.key";
      description = "File with the private key, for the mode `files`; readable by root is enough.";
    };
    authority = lib.mkOption {
      type = lib.types.str;
      default = "${directory}/ca.crt";
      readOnly = true;
      internal = true;
      description = "Certificate of the internal authority.";
    };
  };

  config = lib.mkIf cfg.gateway.enable (
    lib.mkMerge [
      {
        assertions = [
          {
            assertion = cfg.tls.mode == "files" -> cfg.tls.certificate != null && cfg.tls.key != null;
            message = ''services.ai-stack.tls.mode is "files": set services.ai-stack.tls.certificate and services.ai-stack.tls.key to files outside the store.'';
          }
          {
            assertion = cfg.tls.mode == "files" || !common.isAddress cfg.domain;
            message = "services.ai-stack.domain is ${cfg.domain}: a certificate vouches for a name. Choose one, and let the clients find it, in /etc/hosts if nowhere else.";
          }
          {
            assertion = cfg.tls.mode == "acme" -> cfg.tls.email != null;
            message = ''services.ai-stack.tls.mode is "acme": set services.ai-stack.tls.email, which the authority writes to before a certificate ends.'';
          }
          {
            assertion = cfg.tls.mode == "acme" -> cfg.gateway.httpPort == 80;
            message = ''services.ai-stack.tls.mode is "acme": the authority asks on port 80, so leave services.ai-stack.gateway.httpPort at 80, or use the mode "files" with a certificate that is obtained over DNS.'';
          }
          {
            assertion = cfg.tls.mode == "acme" -> lib.hasInfix "." cfg.domain;
            message = ''services.ai-stack.tls.mode is "acme": set services.ai-stack.domain to the public name of this machine.'';
          }
        ];
        systemd.tmpfiles.settings.ai-stack.${metrics}.d = {
          mode = "0755";
          user = "root";
          group = "root";
        };
        systemd.services.ai-stack-certificate = {
          description = "AI stack: look at the gateway's certificate";
          startAt = "daily";
          wantedBy = [ "ai-stack.target" ];
          after = [
            "nginx.service"
            "systemd-tmpfiles-resetup.service"
          ];
          serviceConfig = cfg.rootSandbox // {
            Type = "oneshot";
            ExecStart = "${lib.getExe program} metrics ${source.certificate} ${metrics}/certificate.prom";
            ReadWritePaths = [ metrics ];
            # the certificate may belong to others
            CapabilityBoundingSet = [ "CAP_DAC_READ_SEARCH" ];
          };
        };
      }
      (lib.mkIf (cfg.tls.mode != "acme") {
        services.nginx.virtualHosts.ai-stack = {
          sslCertificate = credential "ai-stack.crt";
          sslCertificateKey = credential "ai-stack.key";
        };
        systemd.services.nginx.serviceConfig.LoadCredential = [
          "ai-stack.crt:${source.certificate}"
          "ai-stack.key:${source.key}"
        ];
      })
      (lib.mkIf (cfg.tls.mode == "files") {
        services.ai-stack.secrets.registry = {
          tls-certificate = {
            file = cfg.tls.certificate;
            units = [ "nginx.service" ];
          };
          tls-key = {
            file = cfg.tls.key;
            units = [ "nginx.service" ];
          };
        };
      })
      (lib.mkIf (cfg.tls.mode == "acme") {
        security.acme = {
          acceptTerms = lib.mkDefault true;
          certs.${cfg.domain} = {
            inherit (cfg.tls) email;
            webroot = "/var/lib/acme/acme-challenge";
            group = config.services.nginx.group;
            reloadServices = [ "nginx.service" ];
          };
        };
        services.nginx.virtualHosts = {
          ai-stack.useACMEHost = cfg.domain;
          ai-stack-redirect.locations."^~ /.well-known/acme-challenge/".root = "/var/lib/acme/acme-challenge";
        };
      })
      (lib.mkIf (cfg.tls.mode == "selfSigned") {
        systemd.tmpfiles.settings.ai-stack.${directory}.d = {
          # the authority's certificate is public, the keys in here are not
          mode = "0755";
          user = "root";
          group = "root";
        };
        systemd.services.ai-stack-tls = {
          description = "AI stack: internal authority and certificate";
          startAt = "daily";
          wantedBy = [ "ai-stack.target" ];
          before = [ "nginx.service" ];
          after = [ "systemd-tmpfiles-resetup.service" ];
          serviceConfig = cfg.rootSandbox // {
            Type = "oneshot";
            ReadWritePaths = [ directory ];
          };
          script = ''
            result=$(${lib.getExe program} ensure ${directory} ${cfg.domain})
            if [ "$result" = renewed ]; then
              ${lib.getExe' config.systemd.package "systemctl"} --no-block try-restart nginx.service
            fi
          '';
        };
        systemd.services.nginx = {
          wants = [ "ai-stack-tls.service" ];
          after = [ "ai-stack-tls.service" ];
        };
        services.nginx.virtualHosts = {
          ai-stack.locations."= /.well-known/ai-stack-ca.crt".alias = cfg.tls.authority;
          ai-stack-redirect.locations."= /.well-known/ai-stack-ca.crt".alias = cfg.tls.authority;
        };
      })
    ]
  );
}

# services.ai-stack: what a service is. units.nix turns each into systemd units; gateway.nix, stores.nix, secrets.nix,
# backup.nix and observability/ add their own options to the same entry.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.ai-stack;
  common = import ./lib.nix { inherit lib; };
  json = pkgs.formats.json { };

  serviceOptions =
    { name, config, ... }:
    {
      options = {
        enable = lib.mkOption {
          type = lib.types.bool;
          default = cfg.enable;
          defaultText = lib.literalExpression "config.services.ai-stack.enable";
          description = "Whether to run this service on this machine.";
        };
        package = lib.mkOption {
          type = lib.types.package;
          example = lib.literalExpression "pkgs.translator";
          description = "The package that holds the program.";
        };
        executable = lib.mkOption {
          type = lib.types.str;
          default = config.package.meta.mainProgram or name;
          defaultText = lib.literalMD "the main program of `package`";
          description = "Name of the program below `bin/` of the package.";
        };
        runtime = lib.mkOption {
          type = lib.types.enum [
            "ai-stack"
            "other"
          ];
          default = "ai-stack";
          description = ''
            `ai-stack`: the program uses `ai_stack.service`; it is started with `--config FILE`, says when it is ready
            and keeps a watchdog. `other`: any HTTP server; it is started as `command` says, with `HOST` and `PORT` in
            its environment.
          '';
        };
        command = lib.mkOption {
          type = lib.types.listOf lib.types.str;
          default = [
            (lib.getExe' config.package config.executable)
          ]
          ++ lib.optionals (config.runtime == "ai-stack") [
            "--config"
            config.configFile
          ];
          defaultText = lib.literalMD "the program, with `--config FILE` when it uses the runtime";
          example = [
            "/run/current-system/sw/bin/translator"
            "--port"
            "8100"
          ];
          description = "The command with its arguments. It is not passed to a shell and must hold no secret.";
        };
        port = lib.mkOption {
          type = lib.types.port;
          example = 8100;
          description = "TCP port; with several instances the first of as many consecutive ports.";
        };
        instances = lib.mkOption {
          type = lib.types.ints.between 1 64;
          default = 1;
          example = 4;
          description = "How many processes to run, each on its own port, behind one address.";
        };
        listenAddress = lib.mkOption {
          type = lib.types.str;
          default = "127.0.0.1";
          example = "10.0.0.2";
          description = "Address to listen on. Beyond loopback the traffic is plain HTTP: use a private network or a tunnel.";
        };
        openFirewall = lib.mkOption {
          type = lib.types.bool;
          default = false;
          description = "Whether to open the service's own ports, for peers on other machines. The gateway does not need it.";
        };
        settings = lib.mkOption {
          type = lib.types.submodule { freeformType = json.type; };
          default = { };
          example = {
            log_level = "DEBUG";
          };
          description = "Settings of the program, rendered to one JSON file in the store. Secrets belong in `credentials`.";
        };
        credentials = lib.mkOption {
          type = lib.types.attrsOf common.types.secretFile;
          default = { };
          example = {
            upstream_api_key = "/run/secrets/translator-key";
          };
          description = "Secrets by name: files outside the store, handed over by the service manager in `$CREDENTIALS_DIRECTORY`.";
        };
        environment = lib.mkOption {
          type = lib.types.attrsOf lib.types.str;
          default = { };
          example = {
            OMP_NUM_THREADS = "2";
          };
          description = "Environment of the process. It is readable by everybody: no secrets.";
        };
        after = lib.mkOption {
          type = lib.types.listOf lib.types.str;
          default = [ ];
          example = [ "translator" ];
          description = "Services of this stack that are started first when they run here; it works without them, if less well.";
        };
        requires = lib.mkOption {
          type = lib.types.listOf lib.types.str;
          default = [ ];
          description = "Services of this stack without which this one cannot run.";
        };
        memoryMax = lib.mkOption {
          type = common.types.size;
          default = "512M";
          example = "2G";
          description = "Memory of one instance; from nine tenths of it the kernel reclaims, beyond it the process is ended.";
        };
        cpuQuota = lib.mkOption {
          type = lib.types.nullOr (lib.types.strMatching "[1-9][0-9]*%");
          default = null;
          example = "200%";
          description = "Upper limit of CPU time of one instance, in percent of one core.";
        };
        tasksMax = lib.mkOption {
          type = lib.types.ints.positive;
          default = 256;
          description = "Upper limit of processes and threads of one instance.";
        };
        startTimeout = lib.mkOption {
          type = common.types.timeSpan;
          default = "90s";
          description = "How long the service may take until it is ready.";
        };
        endpoints = lib.mkOption {
          type = lib.types.listOf (lib.types.strMatching "http://[^/]+");
          default = lib.optionals config.enable (
            map (port: "http://${common.joinHostPort config.listenAddress port}") config.ports
          );
          defaultText = lib.literalMD "the instances on this machine";
          example = [
            "http://127.0.0.1:8081"
            "http://10.0.0.2:8081"
          ];
          description = "Where the service is answered from, on this and other machines. Requests are spread over all of them.";
        };
        ports = lib.mkOption {
          type = lib.types.listOf lib.types.port;
          readOnly = true;
          internal = true;
          description = "Ports of the instances.";
        };
        unit = lib.mkOption {
          type = lib.types.str;
          readOnly = true;
          internal = true;
          description = "Name of the systemd unit without suffix; ends in @ for a template.";
        };
        user = lib.mkOption {
          type = lib.types.str;
          readOnly = true;
          internal = true;
          description = "System user and group of the service; PostgreSQL's peer authentication rests on this name.";
        };
        configFile = lib.mkOption {
          type = lib.types.str;
          readOnly = true;
          internal = true;
          description = "Path of the rendered settings.";
        };
      };
      config = {
        ports = lib.genList (i: config.port + i) config.instances;
        unit = "ai-stack-${name}" + lib.optionalString (config.instances > 1) "@";
        # cut, so that names.nix can say what is wrong before NixOS ends evaluation
        user = "ai-stack-${lib.substring 0 common.longestName name}";
        configFile =
          if config.instances > 1 then
            "/etc/ai-stack/${name}/%i.json"
          else
            "${json.generate "ai-stack-${name}.json" config.settings}";
        settings = lib.mkIf (config.runtime == "ai-stack") {
          host = lib.mkDefault config.listenAddress;
          port = lib.mkIf (config.instances == 1) config.port;
        };
      };
    };
in
{
  options.services.ai-stack = {
    enable = lib.mkEnableOption "the stack: every service that is declared, the gateway, the stores, monitoring and backups";
    domain = lib.mkOption {
      type = lib.types.strMatching "[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?";
      default = "localhost";
      example = "ai.example.org";
      description = "Name under which clients reach the gateway.";
    };
    openFirewall = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Whether to open the gateway's two ports. Nothing else is ever opened by it.";
    };
    memoryBudget = lib.mkOption {
      type = lib.types.nullOr common.types.size;
      default = null;
      example = "8G";
      description = "Memory that all parts of the stack may have together. Evaluation stops when their limits add up to more.";
    };
    services = lib.mkOption {
      type = lib.types.attrsOf (lib.types.submodule serviceOptions);
      default = { };
      example = lib.literalExpression ''
        { translator = { package = pkgs.translator; port = 8100; route = "/translator/"; }; }
      '';
      description = "The services by name. Your own ones get the same unit, sandbox, route, metrics and backup as those that come along.";
    };
    ports = lib.mkOption {
      type = lib.types.attrsOf (lib.types.listOf lib.types.port);
      default = { };
      internal = true;
      description = "Ports on this machine by owner, to find collisions.";
    };
    memory = lib.mkOption {
      type = lib.types.attrsOf common.types.size;
      default = { };
      internal = true;
      description = "Memory limits by unit, to be summed.";
    };
  };
}

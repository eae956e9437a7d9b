# nixos-docs: answers about NixOS, its options and its documentation, without the network.
{
  config,
  lib,
  options,
  pkgs,
  ...
}:
let
  cfg = config.services.ai-stack;
  self = cfg.services.nixos-docs;

  optionsOf = {
    machine = pkgs.nixosOptionsDoc {
      options = removeAttrs options [ "_module" ];
      # Modules of others need not describe all that they declare.
      warningsAreErrors = false;
    };
    manual = config.system.build.manual;
  };
  hasManual = config.documentation.enable && config.documentation.nixos.enable;

  # Only what tells of renamed and removed options, not all of nixpkgs.
  nixosModules = builtins.path {
    name = "nixos-modules";
    path = pkgs.path + "/nixos/modules";
  };
in
{
  options.services.ai-stack.documentedPackages = lib.mkOption {
    type = lib.types.nullOr lib.types.path;
    default = null;
    example = lib.literalExpression "./packages.json";
    description = ''
      Which packages nixos-docs knows: the `packages.json` of a release, or what `nix-env -qaP --json --meta` prints. Every
      release of nixpkgs on releases.nixos.org has one; it cannot be made in a build, which evaluates no other nixpkgs. Null:
      no search for packages.
    '';
  };

  options.services.ai-stack.documentedOptions = lib.mkOption {
    type = lib.types.enum [
      "machine"
      "manual"
      "none"
    ];
    default = if hasManual then "manual" else "none";
    defaultText = lib.literalMD "`manual` where `documentation.nixos.enable`, otherwise `none`";
    description = ''
      Which NixOS options nixos-docs knows. `manual`: those of the manual of this system, which is made anyway; your own
      modules are in it with `documentation.nixos.includeAllModules`. `machine`: every option of this configuration, your
      own modules included; this makes each evaluation some seconds longer. `none`: documentation only.
    '';
  };

  config = {
    assertions = [
      {
        assertion = self.enable && cfg.documentedOptions == "manual" -> hasManual;
        message = ''services.ai-stack.documentedOptions is "manual", which this system does not make: set documentation.nixos.enable = true, or documentedOptions to "machine" or "none".'';
      }
    ];

    services.ai-stack.services.nixos-docs = {
      package = lib.mkDefault cfg.packages.ai-stack;
      executable = "ai-stack-nixos-docs";
      port = lib.mkDefault 8094;
      route = lib.mkDefault "/nixos-docs/";

      settings = {
        # Made at the first start after a change of what it is made from, and only then.
        index = lib.mkDefault "/var/lib/ai-stack/nixos-docs/index.sqlite";
        docs = lib.mkDefault "${cfg.packages.ai-stack-docs-sources}";
        options = lib.mkIf (
          cfg.documentedOptions == "machine" || cfg.documentedOptions == "manual" && hasManual
        ) (lib.mkDefault "${optionsOf.${cfg.documentedOptions}.optionsJSON}/share/doc/nixos/options.json");
        packages = lib.mkIf (cfg.documentedPackages != null) (lib.mkDefault "${cfg.documentedPackages}");
        modules = lib.mkDefault [ "${nixosModules}" ];
        release = lib.mkDefault config.system.nixos.release;
        embeddings_url = lib.mkDefault cfg.services.embeddings.url;
      };

      after = [ "embeddings" ];

      # Indexing all packages of nixpkgs takes more than anything later.
      memoryMax = lib.mkDefault (if cfg.documentedPackages == null then "768M" else "1536M");
      # reading all of the documentation
      startTimeout = lib.mkDefault "10min";
    };
  };
}

# What the machines of a story would have beyond a plain NixOS: units, files, users and directories.
#
# story: a NixOS test (path). Texts come with the derivations that they refer to, for rendering.py to follow.
{ story }:
let
  pkgs = import <nixpkgs> { };
  inherit (pkgs) lib;
  evaluate =
    module:
    (pkgs.testers.runNixOSTest {
      imports = [ module ];
      testScript = "";
    }).nodes;
  nodes = evaluate story;
  plain = evaluate {
    name = "plain";
    nodes = lib.mapAttrs (_: _: { }) nodes;
  };

  # A string with the derivations in its context.
  traced = string: {
    text = builtins.unsafeDiscardStringContext string;
    derivations = lib.attrNames (builtins.getContext string);
  };

  # Attributes of the one that the other has not, or has otherwise.
  beyond =
    key: own: others:
    lib.filterAttrs (name: value: !(others ? ${name}) || key others.${name} != key value) own;

  # Made from what is shown here in another form, or of a kernel that belongs to somebody else.
  ofTheSystem = {
    units = [
      "systemd-modules-load.service"
      "systemd-sysctl.service"
      "systemd-tmpfiles-resetup.service"
    ];
    files = [
      "modules-load.d/nixos.conf"
      "sysctl.d/60-nixos.conf"
      "systemd/system"
      "terminfo"
      "tmpfiles.d"
      "hosts"
    ];
  };
  files =
    config:
    lib.filterAttrs (
      name: file: file.enable && !lib.elem name ofTheSystem.files
    ) config.environment.etc;

  # tmpfiles.d(5)
  tmpfiles =
    settings:
    lib.concatStrings (
      lib.concatLists (
        lib.mapAttrsToList (
          path: types:
          lib.mapAttrsToList (
            type: rule: "${type} ${path} ${rule.mode} ${rule.user} ${rule.group} ${rule.age} ${rule.argument}\n"
          ) types
        ) settings
      )
    );

  machine =
    name:
    let
      config = nodes.${name};
      bare = plain.${name};
      # The firewall of a plain machine as well, which a machine here would otherwise be without.
      plainUnits = removeAttrs bare.systemd.units [ "firewall.service" ];
      address = lib.head config.networking.interfaces.eth1.ipv4.addresses;
    in
    {
      address = "${address.address}/${toString address.prefixLength}";
      domain = config.services.ai-stack.domain or null;
      units = lib.mapAttrs (
        _: unit:
        traced unit.text
        // {
          inherit (unit) wantedBy requiredBy;
          dropIn = unit.overrideStrategy == "asDropin";
        }
      ) (beyond (unit: unit.text) (removeAttrs config.systemd.units ofTheSystem.units) plainUnits);
      files = lib.mapAttrs (_: file: traced "${file.source}" // { inherit (file) mode; }) (
        beyond (file: "${file.source}") (files config) (files bare)
      );
      tmpfiles =
        lib.concatStrings (
          lib.mapAttrsToList (_: tmpfiles) (
            beyond (x: x) config.systemd.tmpfiles.settings bare.systemd.tmpfiles.settings
          )
        )
        + lib.concatMapStrings (rule: "${rule}\n") (
          lib.subtractLists bare.systemd.tmpfiles.rules config.systemd.tmpfiles.rules
        );
      users = lib.mapAttrs (_: user: {
        inherit (user) group extraGroups;
        home = toString user.home;
      }) (beyond (user: user.group) config.users.users bare.users.users);
      groups = lib.mapAttrs (_: group: group.members) (
        beyond (group: group.members) config.users.groups bare.users.groups
      );
      programs = map (package: traced "${package}") (
        lib.subtractLists bare.environment.systemPackages config.environment.systemPackages
      );
      hosts = lib.mapAttrs (_: names: lib.subtractLists [ "localhost" ] names) config.networking.hosts;
    };
in
{
  release = lib.trivial.release;
  machines = lib.genAttrs (lib.attrNames nodes) machine;
}

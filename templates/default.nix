# What `nix flake init --template` offers.
let
  welcome = steps: ''
    # Next
    1. `nix registry add ai-stack <the address you got ai-stack from>`, once on this computer
    2. `nixos-generate-config --show-hardware-config > hardware-configuration.nix` on the machine itself
    ${steps}
  '';
in
{
  default = {
    path = ./default;
    description = "A machine with the whole stack";
    welcomeText = welcome ''
      3. your domain in `configuration.nix`, then `nixos-rebuild switch --flake .#machine`
    '';
  };
  own-service = {
    path = ./own-service;
    description = "An aiohttp service of your own on the runtime, packaged, tested and deployed";
    welcomeText = welcome ''
      3. `nix build` runs the tests of the service and packages it
      4. your domain in `flake.nix`, then `nixos-rebuild switch --flake .#machine`
    '';
  };
  any-http = {
    path = ./any-http;
    description = "Any HTTP server behind the same gateway, in the same sandbox";
    welcomeText = welcome ''
      3. your server and your domain in `flake.nix`, then `nixos-rebuild switch --flake .#machine`
    '';
  };
}

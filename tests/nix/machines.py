"""The configurations that the tests evaluate: each is what a person would write."""

from nix.evaluate import Machine

#: The smallest useful one.
MINIMAL = Machine('{ services.ai-stack = { enable = true; domain = "ai.example.org"; openFirewall = true; }; }')

#: One service of one's own on the rails, without the services that come along.
OWN_SERVICE = Machine(
    """{ pkgs, ... }: {
  services.ai-stack = {
    enable = true;
    services.translator = { package = pkgs.hello; port = 8100; };
  };
}""",
    framework=True,
)

"""What is read out of Nix expressions without evaluating them."""

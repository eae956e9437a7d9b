"""nixos-docs: offline search over NixOS documentation."""

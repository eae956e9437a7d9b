"""Packages of nixpkgs: what is known of each, and how they are found."""

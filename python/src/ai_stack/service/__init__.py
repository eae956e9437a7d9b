"""The runtime that every service stands on. It knows no payload."""

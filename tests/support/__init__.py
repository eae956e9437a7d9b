"""Shared fixtures and helpers of all test layers."""

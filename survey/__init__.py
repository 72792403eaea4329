"""Asks people and keeps what they said."""

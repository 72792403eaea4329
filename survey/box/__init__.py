"""The sealed box: the one way in and the one way out for secret answers (BOX.md)."""

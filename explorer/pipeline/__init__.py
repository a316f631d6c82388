"""From a Subject to a filled Study."""

"""Values in messages."""
import json

LIMIT = 240  # characters


def quote(value, limit=LIMIT):
    """`value` as JSON, cut to `limit`."""
    text = json.dumps(value)
    return text if len(text) <= limit else text[:limit] + "..."

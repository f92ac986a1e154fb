"""Configuration as plain data: fields that carry their range, and families of options."""

"""Configuration as plain data: fields with ranges, and families of options."""

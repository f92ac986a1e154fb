"""Networks: grid, Programs, blueprint, telemetry."""

"""What all tests share."""

from hypothesis import HealthCheck, settings

# The machine's speed is no property of the code: no deadline, no complaint about slow generation.
settings.register_profile(
    "default",
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("default")

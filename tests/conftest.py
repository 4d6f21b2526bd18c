"""What all tests share."""

import os

from hypothesis import HealthCheck, settings

# The tests run where Airflow is installed: dlt would import it and ask it for every setting.
os.environ["PROVIDERS__ENABLE_AIRFLOW_SECRETS"] = "false"

# The machine's speed is no property of the code: no deadline, no complaint about slow generation.
settings.register_profile(
    "default",
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("default")

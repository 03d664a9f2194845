"""The Layers API over HTTP: one client, paced, retried, every answer judged before it is believed.

Specification: ads-metrics.md (the endpoint) and layers-api.md (errors, limits, paging, listings).
"""

from layers_etl.api.client import LayersClient
from layers_etl.api.retries import RetryPolicy
from layers_etl.api.transport import Timeouts

__all__ = ["LayersClient", "RetryPolicy", "Timeouts"]

"""Put the cache together as the settings say."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from gateway.cache.detector import CachingDetector
from gateway.cache.metrics import CacheMetrics
from gateway.cache.serving import Serving
from gateway.cache.stores import MemoryStore, Store
from gateway.detection.request import Detector
from gateway.model_server.base import InferenceBackend
from gateway.settings import Settings


def create_cache(
    settings: Settings,
    inner: Detector,
    backend: InferenceBackend,
    registry: CollectorRegistry,
    hint: Callable[[], object] = lambda: None,
) -> CachingDetector | None:
    """Put the cache that ``settings.cache`` names around ``inner``, or None if that is off. Nothing is connected yet.

    ``hint`` says something else than before when what is served may have changed (see
    :func:`~gateway.routing.servers.answering_server`).
    """
    if settings.cache == "off":
        return None
    metrics = CacheMetrics(registry)
    store = _create_store(settings, metrics)
    names = (backend.name, settings.model_name)
    return CachingDetector(inner, store, Serving(backend, hint), metrics, names)


def _create_store(settings: Settings, metrics: CacheMetrics) -> Store:
    if settings.cache == "memory":
        kept = MemoryStore(settings.cache_max_bytes, settings.cache_ttl_s)
        metrics.watch_bytes(lambda: kept.taken)
        return kept
    # Imported only here: a gateway without Redis does without its client, 50 ms and 6 MB.
    from gateway.cache.redis_store import RedisStore
    from gateway.redis import create_redis

    client = create_redis(settings.cache_redis_url or settings.redis_url, settings.cache_timeout_s)
    return RedisStore(client, settings.cache_ttl_s, settings.cache_timeout_s, metrics)

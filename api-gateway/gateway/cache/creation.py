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


class Cache:
    """The store of answers and its metrics, which all models share; each answer's key has its model."""

    def __init__(self, store: Store, metrics: CacheMetrics) -> None:
        self._store = store
        self._metrics = metrics

    def around(
        self, inner: Detector, backend: InferenceBackend, model: str, hint: Callable[[], object] = lambda: None
    ) -> CachingDetector:
        """Return the cache in front of one model.

        ``hint`` says something else than before when what is served may have changed (see
        :func:`~gateway.routing.servers.answering_server`).
        """
        return CachingDetector(inner, self._store, Serving(backend, hint), self._metrics, (backend.name, model))

    async def aclose(self) -> None:
        """Close the store."""
        await self._store.aclose()


def create_cache(settings: Settings, registry: CollectorRegistry) -> Cache | None:
    """Make the cache that ``settings.cache`` names, or None if that is off. Nothing is connected yet."""
    if settings.cache == "off":
        return None
    metrics = CacheMetrics(registry)
    return Cache(_create_store(settings, metrics), metrics)


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

"""Five hundred uploads that are no picture, or none that can be read, made from a seed; for several rings."""

from tests.support.malformed.upload import Upload, malformed_uploads

__all__ = ["Upload", "malformed_uploads"]

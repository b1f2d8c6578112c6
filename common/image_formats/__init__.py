"""The structure of image files, read without a decoder and in bounded time.

Decoders and their parsers were written for honest files: some are quadratic in the number of metadata segments, some
reserve what a header announces. So every file is read here first. Each reader walks a bounded number of segments,
chunks or boxes, copies a bounded number of bytes, inflates nothing, and refuses what no encoder writes.

The gateway and the model server use them, because they must agree on every file.
"""

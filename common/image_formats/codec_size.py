"""The size that a stream of AV1 or HEVC announces, which may differ from what the file around it says.

AV1: AV1 bitstream specification, 5.5 (sequence header). HEVC: ITU-T H.265, 7.3.2.2 (sequence parameter set).
"""

from __future__ import annotations

NONE = (0, 0)
_SEQUENCE_HEADER, _PARAMETER_SET = 1, 33
_MOST_UNITS = 64
_TOO_LARGE = (1 << 16, 1 << 16)


class _Bits:
    """Reads bits; beyond the end there are zeros."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, count: int) -> int:
        """Return the next bits as a number."""
        self._left -= count
        if self._left < 0:
            return 0
        return self._value >> self._left & (1 << count) - 1

    def take_golomb(self) -> int:
        """Return the next Exp-Golomb number."""
        zeros = 0
        while zeros < 32 and self._left > 0 and not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)


def av1_size(data: bytes) -> tuple[int, int]:
    """Return the (width, height) of the first sequence header among these OBUs, (0, 0) if there is none."""
    position = 0
    for _ in range(_MOST_UNITS):
        if position >= len(data):
            return NONE
        head = data[position]
        position += 2 if head & 4 else 1
        length = len(data) - position
        if head & 2:
            length = shift = 0
            while position < len(data) and shift < 56:
                byte = data[position]
                position += 1
                length |= (byte & 0x7F) << shift
                shift += 7
                if not byte & 0x80:
                    break
        if head >> 3 & 15 == _SEQUENCE_HEADER:
            return _sequence_size(_Bits(data[position : position + min(length, 256)]))
        position += length
    return NONE


def _sequence_size(bits: _Bits) -> tuple[int, int]:
    bits.take(4)  # profile, still picture
    if bits.take(1):  # reduced header
        bits.take(5)
    else:
        _skip_operating_points(bits)
    across, down = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(across) + 1, bits.take(down) + 1


def _skip_operating_points(bits: _Bits) -> None:
    has_model = delay_bits = 0
    if bits.take(1):  # timing
        bits.take(64)
        if bits.take(1):
            bits.take_golomb()
        has_model = bits.take(1)
        if has_model:
            delay_bits = bits.take(5) + 1
            bits.take(42)
    has_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if has_model and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if has_delay and bits.take(1):
            bits.take(4)


def hevc_size(data: bytes, in_item: bool = False) -> tuple[int, int]:
    """Return the largest (width, height) of the parameter sets in an `hvcC` box, or in an item's first units."""
    sizes = [NONE]
    position = 0 if in_item else 23
    if in_item:
        for _ in range(_MOST_UNITS):
            if position + 6 > len(data):
                break
            length = int.from_bytes(data[position : position + 4], "big")
            sizes.append(_unit_size(data[position + 4 : position + 4 + min(length, 512)]))
            position += 4 + length
        return max(sizes, key=_area)
    for _ in range(data[22] if len(data) > 22 else 0):
        units = int.from_bytes(data[position + 1 : position + 3], "big")
        position += 3
        for _ in range(min(units, _MOST_UNITS)):
            length = int.from_bytes(data[position : position + 2], "big")
            sizes.append(_unit_size(data[position + 2 : position + 2 + min(length, 512)]))
            position += 2 + length
    return max(sizes, key=_area)


def _unit_size(unit: bytes) -> tuple[int, int]:
    if len(unit) < 3 or unit[0] >> 1 & 63 != _PARAMETER_SET:
        return NONE
    bits = _Bits(unit[2:].replace(b"\0\0\3", b"\0\0"))
    bits.take(4)
    layers = bits.take(3)
    bits.take(1 + 96)  # the profile, tier and level of all layers
    if layers:
        present = [(bits.take(1), bits.take(1)) for _ in range(layers)]
        bits.take(2 * (8 - layers))
        for has_profile, has_level in present:
            bits.take(88 * has_profile + 8 * has_level)
    bits.take_golomb()
    if bits.take_golomb() == 3:
        bits.take(1)
    width, height = bits.take_golomb(), bits.take_golomb()
    return (width, height) if width < _TOO_LARGE[0] and height < _TOO_LARGE[1] else _TOO_LARGE


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]

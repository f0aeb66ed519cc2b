"""Compressed content (docs/FORMAT.md, section 5). At most one frame is in memory.

The frame's end is found from its block headers (RFC 8878, section 3.1.1.2) and its content size is checked before it is decompressed,
so that a small forged frame cannot take much memory.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator

import zstandard

from .errors import Damaged

MAX_CONTENT = 4 << 20
# Raw blocks of 128 KiB cost 3 bytes each; real compressors stay well below this.
MAX_FRAME = MAX_CONTENT + (1 << 16)
MAX_HEADER = 18
FRAME_MAGIC = struct.pack("<I", 0xFD2FB528)
TABLE_MAGIC = struct.pack("<I", 0x184D2A5E)
FOOTER_MAGIC = 0x8F92EAB1
RAW, RLE, COMPRESSED = 0, 1, 2


class Pieces:
    """Turns the pieces of a payload into exact reads."""

    def __init__(self, pieces: Iterable[bytes]):
        self._pieces = iter(pieces)
        self._held = bytearray()

    def peek(self, count: int) -> bytes:
        """Up to `count` bytes, which stay; fewer only at the end."""
        while len(self._held) < count and (piece := next(self._pieces, None)) is not None:
            self._held += piece
        return bytes(self._held[:count])

    def take(self, count: int) -> bytes:
        data = self.peek(count)
        if len(data) != count:
            raise Damaged("compressed content is cut off")
        del self._held[:count]
        return data


def _take_blocks(pieces: Pieces, frame: bytearray, checksum: bool) -> None:
    last = False
    while not last:
        frame += (head := pieces.take(3))
        value = int.from_bytes(head, "little")
        last, kind, size = value & 1, value >> 1 & 3, value >> 3
        stored = 1 if kind == RLE else size
        if kind not in (RAW, RLE, COMPRESSED) or len(frame) + stored > MAX_FRAME:
            raise Damaged("a zstd frame is malformed or too long")
        frame += pieces.take(stored)
    if checksum:
        frame += pieces.take(4)


def _take_frame(pieces: Pieces) -> tuple[int, bytes]:
    """One frame: its compressed length and its content."""
    head = pieces.peek(MAX_HEADER)
    try:
        header_bytes = zstandard.frame_header_size(head)
        about = zstandard.get_frame_parameters(head)
        if head[4] & 3 or not 0 <= about.content_size <= MAX_CONTENT or about.window_size > MAX_CONTENT:
            raise Damaged("a zstd frame without content size, too large, or with a dictionary")
        frame = bytearray(pieces.take(header_bytes))
        _take_blocks(pieces, frame, about.has_checksum)
        content = _decompress(frame, about.content_size)
    except zstandard.ZstdError as error:
        raise Damaged("a zstd frame does not decompress") from error
    if len(content) != about.content_size:
        raise Damaged("a zstd frame is not as long as its header says")
    return len(frame), content


def _decompress(frame: bytearray, content_size: int) -> bytes:
    decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_CONTENT)
    if content_size == 0:
        # The one-shot call does not look at the blocks of such a frame. A true one has a single empty block.
        if len(frame) > MAX_HEADER + 3 + 4:
            raise Damaged("a zstd frame without content has blocks")
        return decompressor.decompressobj().decompress(frame)
    return decompressor.decompress(frame, max_output_size=content_size, allow_extra_data=False)


def _check_table(pieces: Pieces, frames: int, entries_digest: bytes) -> None:
    length = struct.unpack("<I", pieces.take(4))[0]
    if length != 8 * frames + 9:
        raise Damaged("the seek table has another number of frames")
    found = hashlib.sha256()
    for _ in range(frames):
        found.update(pieces.take(8))
    if found.digest() != entries_digest:
        raise Damaged("the seek table does not agree with the frames")
    if struct.unpack("<IBI", pieces.take(9)) != (frames, 0, FOOTER_MAGIC):
        raise Damaged("the end of the seek table is malformed")


def content(payload: Iterable[bytes]) -> Iterator[bytes]:
    """Decompresses. The content is complete only if the iterator ends without Damaged."""
    pieces, frames, entries = Pieces(payload), 0, hashlib.sha256()
    while (magic := pieces.peek(4)) == FRAME_MAGIC:
        compressed, plain = _take_frame(pieces)
        frames += 1
        entries.update(struct.pack("<II", compressed, len(plain)))
        yield plain
    if magic != TABLE_MAGIC:
        raise Damaged("neither a zstd frame nor the seek table")
    pieces.take(4)
    _check_table(pieces, frames, entries.digest())
    if pieces.peek(1):
        raise Damaged("something follows the seek table")

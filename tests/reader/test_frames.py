"""Compressed content: round trips, and every disagreement between frames and seek table."""

import hashlib
import struct
import unittest

import zstandard

from . import frames, writer
from .errors import Damaged

TEXT = b"a line that compresses well\n" * 5000
NOISE = hashlib.shake_128(b"noise").digest(200_000)


def read(data: bytes, piece: int = 1000) -> bytes:
    return b"".join(frames.content(data[at : at + piece] for at in range(0, len(data), piece)))


def one_frame(frame: bytes, content: int) -> bytes:
    return frame + writer.seek_table([(len(frame), content)])


class RoundTrips(unittest.TestCase):
    def test_content_comes_back_whatever_the_pieces(self):
        for plain in (b"", b"x", TEXT, NOISE):
            for frame_bytes in (1, 4096, 4 << 20):
                if len(plain) // frame_bytes > 1000:
                    continue
                for checksum in (True, False):
                    packed = writer.compress(plain, frame_bytes, checksum)
                    for piece in (1, 17, 1 << 20):
                        with self.subTest(plain=len(plain), frame=frame_bytes, piece=piece):
                            self.assertEqual(read(packed, piece), plain)

    def test_raw_blocks_and_frames_of_the_greatest_content_are_read(self):
        full = hashlib.shake_128(b"full").digest(4 << 20)
        for plain in (b"", b"x", NOISE, full):
            frame = writer.raw_frame(plain)
            self.assertEqual(read(one_frame(frame, len(plain)), 65536), plain)
        self.assertEqual(read(writer.compress(full), 65536), full)

    def test_every_level_of_zstd_is_read(self):
        for level in (-5, 1, 19, 22):
            frame = zstandard.ZstdCompressor(level=level).compress(TEXT)
            self.assertEqual(read(one_frame(frame, len(TEXT))), TEXT)

    def test_the_common_tool_reads_it(self):
        reader = zstandard.ZstdDecompressor().stream_reader(writer.compress(TEXT, 4096), read_across_frames=True)
        self.assertEqual(reader.read(), TEXT)


class Refused(unittest.TestCase):
    def refused(self, data: bytes, reason: str) -> None:
        with self.assertRaisesRegex(Damaged, reason):
            read(data)

    def test_the_seek_table_is_demanded_and_must_agree(self):
        packed = [zstandard.compress(TEXT), zstandard.compress(NOISE)]
        entries = [(len(packed[0]), len(TEXT)), (len(packed[1]), len(NOISE))]
        both = b"".join(packed)
        self.assertEqual(read(both + writer.seek_table(entries)), TEXT + NOISE)
        self.refused(both, "nor the seek table")
        self.refused(b"", "nor the seek table")
        self.refused(both + writer.seek_table(entries[:1]), "number of frames")
        self.refused(both + writer.seek_table(entries[::-1]), "does not agree")
        self.refused(both + writer.seek_table([(entries[0][0] + 1, entries[0][1]), entries[1]]), "does not agree")
        self.refused(packed[0] + writer.seek_table(entries), "number of frames")

    def test_every_changed_byte_of_the_table_and_every_cut_is_found(self):
        packed = writer.compress(TEXT, 50_000)
        table = len(packed) - (8 + 8 * 3 + 9)
        for at in range(table, len(packed)):
            with self.subTest(at=at):
                self.refused(packed[:at] + bytes([packed[at] ^ 1]) + packed[at + 1 :], "")
        for cut in range(len(packed)):
            with self.subTest(cut=cut):
                self.refused(packed[:cut], "")

    def test_anything_after_the_table_is_refused(self):
        for tail in (b"\0", zstandard.compress(b"x"), writer.seek_table([])):
            self.refused(writer.compress(TEXT) + tail, "follows the seek table")

    def test_another_skippable_frame_is_refused(self):
        self.refused(struct.pack("<II", 0x184D2A50, 0) + writer.compress(b"x"), "neither")

    def test_a_frame_without_content_size_or_too_large_is_refused(self):
        unsized = zstandard.ZstdCompressor(write_content_size=False).compress(TEXT)
        self.refused(one_frame(unsized, len(TEXT)), "content size")
        large = zstandard.compress(bytes((4 << 20) + 1))
        self.refused(one_frame(large, (4 << 20) + 1), "content size")

    def test_a_frame_that_lies_about_its_content_is_refused_without_much_memory(self):
        # 4,000 blocks of 128 KiB in 16 KB, in a frame that claims 10 bytes.
        block = (((1 << 17) << 3) | 1 << 1).to_bytes(3, "little") + b"\0"
        last = (1).to_bytes(3, "little")
        bomb = struct.pack("<IBB", 0xFD2FB528, 0x20, 10) + block * 4000 + last
        self.refused(one_frame(bomb, 10), "")
        for claimed in (bytes([0x20, 0]), bytes([0xA0]) + struct.pack("<I", 4 << 20)):
            lie = struct.pack("<I", 0xFD2FB528) + claimed + block * 4000 + last
            self.refused(one_frame(lie, 0), "blocks|decompress")
        hidden = struct.pack("<IBB", 0xFD2FB528, 0x20, 0) + (10 << 3 | 1).to_bytes(3, "little") + bytes(10)
        self.refused(one_frame(hidden, 0), "")
        short = bytearray(writer.raw_frame(b"0123456789"))
        short[5] = 11
        self.refused(one_frame(bytes(short), 11), "")

    def test_an_endless_frame_is_refused(self):
        endless = struct.pack("<IBB", 0xFD2FB528, 0x20, 10) + bytes(3) * (2 << 20)
        self.refused(endless, "too long")


if __name__ == "__main__":
    unittest.main()

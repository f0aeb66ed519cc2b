"""Sealed objects: vectors, round trips, and that no damaged object gives a wrong byte."""

import hashlib
import io
import struct
import unittest

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from . import pbe1, writer
from .errors import Damaged, KeyMissing
from .keyfile import Keys
from .repository import open_content

REPOSITORY, FILE_ID, PATH = bytes(range(200, 216)), bytes(range(7, 39)), "20260422_170000/platform_money.pgdump"
KEK, OTHER_KEK = hashlib.sha256(b"kek").digest(), hashlib.sha256(b"other").digest()
RECOVERY = hashlib.sha256(b"recovery").digest()
RECOVERY_PUBLIC = X25519PrivateKey.from_private_bytes(RECOVERY).public_key().public_bytes_raw()
EXPECTED = pbe1.Expected(REPOSITORY, PATH, FILE_ID)
VECTORS = {
    0: "2f3f02b111f9d59ab74629b12783e18c3dcd0ee9b2f42b67421be49294e29165",
    1: "907ef6a4e83e3c189f78a46296f63da63dcc1e1988ef2082584e2fe82fe8c717",
    16383: "a8ea81526880a8d1ce5d484e5bf778af06620e4edc9040535081895291fba1e4",
    16384: "7b2970fc095f1766ee85734efd641ec179b7f668ec0983cb62274c6ffefb6aab",
    16385: "14ab25c7d4d8997f083cc84f950dfdeaa3c8fb348c52763a9e36990ae0422794",
    40000: "565677fd8cfb1a5c618b020ee96b67fe651d309c6dd200ddc8752d012d610b70",
}
VECTOR_COMMITMENT = "cac620e32b6c2b89b6b2f4b2e1945e3b521cbdb8a860452e6152f5d9ffc272b5"


def message(length: int) -> bytes:
    """The message of the payload vectors."""
    return bytes((7 * i + 3) % 256 for i in range(length))


def content(length: int) -> bytes:
    """Bytes that do not repeat, so that chunks which change places are seen."""
    return hashlib.shake_128(b"content").digest(length)


def keys(**secrets: bytes) -> Keys:
    made = Keys()
    for kind, key in secrets.items():
        made.add(kind.replace("_", "-"), key)
    return made


def records(codec: int = 0) -> list[bytes]:
    return writer.fixed_records(REPOSITORY, PATH, FILE_ID, codec)


def seal(plain: bytes, codec: int = 0, **changes) -> bytes:
    stored = writer.compress(plain) if codec else plain
    return writer.seal(stored, changes.pop("records", records(codec)), KEK, RECOVERY_PUBLIC, **changes)


def unseal(data: bytes, with_keys: Keys | None = None, expected: pbe1.Expected = EXPECTED, got: list | None = None) -> bytes:
    stream, got = io.BytesIO(data), [] if got is None else got
    header, decryptor = pbe1.open_header(stream, with_keys or keys(kek=KEK), expected)
    for piece in open_content(stream, header, decryptor):
        got.append(piece)
    return b"".join(got)


class Vectors(unittest.TestCase):
    KEY, SALT, CONTEXT = bytes(range(32)), bytes(range(100, 124)), b"vault/raft/20260101T000000Z.snap"

    def test_the_payload_vectors_hold_and_the_library_opens_them(self):
        for length, digest in VECTORS.items():
            with self.subTest(length=length):
                sealed = writer.seal_payload(self.KEY, self.SALT, self.CONTEXT, message(length))
                self.assertEqual(sealed[24:56].hex(), VECTOR_COMMITMENT)
                self.assertEqual(hashlib.sha256(sealed).hexdigest(), digest)
                opened = pbe1.payload(io.BytesIO(sealed), Cobblestone256Decryptor(self.KEY, self.CONTEXT))
                self.assertEqual(b"".join(opened), message(length))

    def test_the_library_writes_what_the_page_says(self):
        encryptor = Cobblestone256Encryptor(self.KEY, self.CONTEXT)
        sealed = encryptor.update(message(40000)) + encryptor.finalize()
        self.assertEqual(sealed, writer.seal_payload(self.KEY, sealed[:24], self.CONTEXT, message(40000)))


class RoundTrips(unittest.TestCase):
    LENGTHS = (0, 1, 16383, 16384, 16385, 3 * 16384, 200_000)

    def test_both_slot_types_open_every_length(self):
        for length in self.LENGTHS:
            for codec in (0, 1):
                sealed = seal(content(length), codec)
                for opener in (keys(kek=KEK), keys(recovery_secret=RECOVERY), keys(kek=OTHER_KEK, recovery_secret=RECOVERY)):
                    with self.subTest(length=length, codec=codec):
                        self.assertEqual(unseal(sealed, opener), content(length))

    def test_the_header_says_what_was_sealed(self):
        header, _, _ = pbe1.read_header(io.BytesIO(seal(b"x")))
        self.assertEqual((header.component, header.content_type, header.tool), ("postgres", "application/x-pg-dump", "writer 1"))
        self.assertEqual((header.file_id, header.created), (FILE_ID, 1_776_877_200_000))

    def test_a_slot_of_an_unknown_type_does_not_hinder(self):
        sealed = seal(b"content", slots_before=[writer.slot(9, b"k" * 8, b"blob")])
        self.assertEqual(unseal(sealed), b"content")

    def test_without_a_manifest_no_file_id_is_expected(self):
        self.assertEqual(unseal(seal(b"x"), expected=pbe1.Expected(REPOSITORY, PATH)), b"x")


class Damage(unittest.TestCase):
    def refused(self, data: bytes, *errors: type, **how) -> None:
        """Refused, and what came out before is a true beginning of the content."""
        got = []
        with self.assertRaises(errors or Damaged):
            unseal(data, got=got, **how)
        self.assertTrue(content(40000).startswith(b"".join(got)))

    def test_every_flipped_byte_of_a_small_object_is_found(self):
        for codec in (0, 1):
            sealed = seal(content(300), codec)
            for at in range(len(sealed)):
                with self.subTest(codec=codec, at=at):
                    flipped = bytearray(sealed)
                    flipped[at] ^= 1 << at % 8
                    # A flipped type or key id of a slot looks like a slot for somebody else.
                    self.refused(bytes(flipped), Damaged, KeyMissing)

    def test_a_flip_outside_type_and_key_id_is_damage_for_each_key(self):
        sealed = seal(content(300))
        fixed_end = 12 + int.from_bytes(sealed[8:12], "little")
        slot_names = {*range(fixed_end + 5, fixed_end + 14), *range(fixed_end + 64, fixed_end + 73)}
        for at in sorted(set(range(0, len(sealed), 7)) - slot_names):
            for opener in (keys(kek=KEK), keys(recovery_secret=RECOVERY)):
                with self.subTest(at=at):
                    self.refused(sealed[:at] + bytes([sealed[at] ^ 0x80]) + sealed[at + 1 :], with_keys=opener)

    def test_flips_in_each_chunk_and_tag_are_found(self):
        sealed = seal(content(40000))
        start = len(sealed) - (40000 + 3 * 16)
        for chunk_start in (0, 16400, 32800):
            for within in (0, 1, 5000, 7199, 7200, 7215):
                flipped = bytearray(sealed)
                flipped[start + chunk_start + within] ^= 1
                with self.subTest(chunk=chunk_start, within=within):
                    self.refused(bytes(flipped))

    def test_every_truncation_near_a_chunk_boundary_is_found(self):
        for length in (16384, 32768, 40000):
            sealed = seal(content(length))
            start = len(sealed) - (length + 16 * (length // 16384 + 1))
            edges = (start - 56, start - 32, start, start + 16384, start + 16400, start + 32784, start + 32800, len(sealed))
            for cut in {edge + step for edge in edges for step in range(-17, 18)}:
                if cut < len(sealed):
                    with self.subTest(length=length, cut=cut - start):
                        self.refused(sealed[:cut])

    def test_every_truncated_header_is_found(self):
        sealed = seal(content(10))
        for cut in range(len(sealed)):
            with self.subTest(cut=cut):
                self.refused(sealed[:cut])

    def test_trailing_bytes_are_found(self):
        for length in (0, 16383, 16384, 40000):
            for tail in (b"\0", bytes(16), bytes(16400), seal(b"")[-16:]):
                with self.subTest(length=length, tail=len(tail)):
                    self.refused(seal(content(length)) + tail)

    def test_chunks_that_changed_places_are_found(self):
        sealed = seal(content(40000))
        start = len(sealed) - (40000 + 3 * 16)
        a, b, rest = sealed[start : start + 16400], sealed[start + 16400 : start + 32800], sealed[start + 32800 :]
        self.refused(sealed[:start] + b + a + rest)
        self.refused(sealed[:start] + a + rest)

    def test_another_name_repository_or_file_id_is_refused(self):
        sealed = seal(content(10))
        self.refused(sealed, expected=pbe1.Expected(REPOSITORY, PATH + "2", FILE_ID))
        self.refused(sealed, expected=pbe1.Expected(bytes(16), PATH, FILE_ID))
        self.refused(sealed, expected=pbe1.Expected(REPOSITORY, PATH, bytes(32)))

    def test_the_payload_of_another_object_is_refused(self):
        one, two = seal(content(100)), writer.seal(content(100), records(), KEK, RECOVERY_PUBLIC, file_key=OTHER_KEK)
        self.refused(one[:-172] + two[-172:])

    def test_the_wrong_key_is_not_called_damage(self):
        self.refused(seal(content(10)), KeyMissing, with_keys=keys(kek=OTHER_KEK))
        self.refused(seal(content(10)), KeyMissing, with_keys=keys(recovery_secret=OTHER_KEK))
        self.refused(seal(content(10)), KeyMissing, with_keys=keys(recovery=RECOVERY_PUBLIC))


class Records(unittest.TestCase):
    def refused(self, changed: list[bytes], reason: str) -> None:
        with self.assertRaisesRegex(Damaged, reason):
            unseal(seal(b"x", records=changed))

    def test_each_record_stands_exactly_once_and_in_order(self):
        for index in range(9):
            with self.subTest(tag=index + 1):
                good = records()
                self.refused(good[:index] + good[index + 1 :], "record")
                self.refused(good[: index + 1] + good[index:], "record")
        good = records()
        self.refused([good[1], good[0], *good[2:]], "record suite")

    def test_an_unknown_tag_is_refused(self):
        for tag in (0, 10, 255):
            self.refused([*records(), writer.record(tag, b"x")], "further record")
        self.refused([writer.record(0, b"x"), *records()], "found tag 0")

    def test_unknown_suite_and_codec_are_refused(self):
        self.refused([writer.record(1, b"\2"), *records()[1:]], "suite")
        self.refused(records(codec=2)[:7] + [writer.record(8, b"\2"), records()[8]], "codec")

    def test_values_outside_their_limits_are_refused(self):
        for tag, value in ((2, bytes(15)), (3, b""), (3, b"c" * 65), (4, b""), (4, b"p" * 1025), (7, b"t" * 129), (9, b"")):
            changed = records()
            changed[tag - 1] = writer.record(tag, value)
            with self.subTest(tag=tag, length=len(value)):
                self.refused(changed, "record")

    def test_text_that_is_not_utf8_is_refused(self):
        self.refused([*records()[:2], writer.record(3, b"\xff"), *records()[3:]], "UTF-8")


class Limits(unittest.TestCase):
    class Counting(io.BytesIO):
        most = 0

        def read(self, count=-1):
            assert count >= 0, "a read without a limit"
            self.most = max(self.most, count)
            return super().read(count)

    def test_lengths_are_refused_before_memory_is_taken(self):
        sealed = seal(b"x")
        slots_at = 12 + int.from_bytes(sealed[8:12], "little")
        for at, value in ((8, 4097), (8, 0xFFFFFFFF), (slots_at, 16385), (slots_at, 16896), (slots_at, 0xFFFFFFFF)):
            stream = self.Counting(sealed[:at] + struct.pack("<I", value) + sealed[at + 4 :] + bytes(40000))
            with self.subTest(at=at, value=value), self.assertRaises(Damaged):
                pbe1.read_header(stream)
            self.assertLessEqual(stream.most, pbe1.MAX_SLOTS)

    def test_slots_out_of_their_limits_are_refused(self):
        empty = writer.slot(9, bytes(8), b"")
        many = [writer.slot(9, bytes(8), b"")] * 7
        for name, changes in {
            "none": {"count": 0}, "nine": {"slots_before": many},
            "cut off": {"slots_before": [writer.slot(9, bytes(8), b"")[:-2] + b"\0\4"]},
            "long blob": {"slots_before": [writer.slot(9, bytes(8), bytes(1025))]},
            "length of kek": {"slots_before": [writer.slot(1, bytes(8), bytes(49))]}, "hidden": {"slots_before": [empty], "count": 2},
        }.items():
            with self.subTest(name), self.assertRaises(Damaged):
                unseal(seal(b"x", **changes))

    def test_a_long_payload_is_read_in_small_pieces(self):
        stream = self.Counting(seal(content(1_000_000)))
        header, decryptor = pbe1.open_header(stream, keys(kek=KEK), EXPECTED)
        longest = max(len(piece) for piece in open_content(stream, header, decryptor))
        self.assertLessEqual(max(longest, stream.most), 2 * pbe1.READ_BYTES)


if __name__ == "__main__":
    unittest.main()

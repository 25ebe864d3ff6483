"""Makes the corpus of good and bad safetensors files, with the verdict of the official library on each.

    python tools/reference/safetensors_corpus.py

Needs safetensors 0.8.0. Writes packages/safetensors/test/__fixtures__/corpus.json: a list of
{name, file (base64), official (null where it opens, else its error)}.
"""

import base64
import json
import struct
from pathlib import Path

from safetensors import SafetensorError, deserialize

OUT = Path(__file__).resolve().parents[2] / "packages" / "safetensors" / "test" / "__fixtures__" / "corpus.json"

CASES = []


def raw(name, file):
    CASES.append((name, file))


def case(name, header, data=b"", length=None):
    """A file with this header (text, bytes or an object), these data bytes and, unless told, the true length."""
    if not isinstance(header, (str, bytes)):
        header = json.dumps(header, separators=(",", ":"), ensure_ascii=False)
    if isinstance(header, str):
        header = header.encode()
    raw(name, struct.pack("<Q", len(header) if length is None else length) + header + data)


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def one(dtype="F32", shape=(1,), begin=0, end=4, data=None, name="a"):
    return {name: tensor(dtype, list(shape), begin, end)}, bytes(end if data is None else data)


def text(shape="[1]", offsets="[0,4]", dtype='"F32"', rest=""):
    return f'{{"a":{{"dtype":{dtype},"shape":{shape},"data_offsets":{offsets}{rest}}}}}'


GOOD = text()
FOUR = bytes(4)

# Length field
raw("empty file", b"")
raw("seven bytes", bytes(7))
raw("eight bytes, length 0", bytes(8))
raw("eight bytes, length 2", struct.pack("<Q", 2))
case("no tensors", "{}")
case("no tensors, but data", "{}", b"1")
case("length one too large", GOOD, FOUR, len(GOOD) + 1)
case("length one too small", GOOD, FOUR, len(GOOD) - 1)
case("length past the file", GOOD, FOUR, len(GOOD) + 5)
case("length 100 MB", GOOD, FOUR, 100_000_000)
case("length 100 MB and one", GOOD, FOUR, 100_000_001)
case("length 2^31", GOOD, FOUR, 2**31)
case("length 2^32 plus the true one", GOOD, FOUR, 2**32 + len(GOOD))
case("length 2^63", GOOD, FOUR, 2**63)
case("length 2^64 - 1", GOOD, FOUR, 2**64 - 1)
case("length 2^64 - 8", GOOD, FOUR, 2**64 - 8)

# Text
case("good", GOOD, FOUR)
case("spaces after", GOOD + "    ", FOUR)
case("line breaks after", GOOD + "\n\r\t ", FOUR)
case("NULs after", GOOD + "\0\0", FOUR)
case("text after", GOOD + "x", FOUR)
case("a second object after", GOOD + "{}", FOUR)
case("space before", " " + GOOD, FOUR)
case("line break before", "\n" + GOOD, FOUR)
case("byte order mark before", "\ufeff" + GOOD, FOUR)
case("spaces within", GOOD.replace(":", " : ").replace(",", " ,\n"), FOUR)
case("not JSON", "hello world")
case("array", "[]")
case("string", '"a"')
case("number", "1")
case("null", "null")
case("unclosed", GOOD[:-1], FOUR)
case("trailing comma", GOOD[:-1] + ",}", FOUR)
case("comment", GOOD[:-1] + "/* */}", FOUR)
case("single quotes", GOOD.replace('"', "'"), FOUR)
case("invalid UTF-8", GOOD.encode().replace(b'"a"', b'"\xff"'), FOUR)
case("overlong UTF-8", GOOD.encode().replace(b'"a"', b'"\xc0\xaf"'), FOUR)
case("surrogate in UTF-8", GOOD.encode().replace(b'"a"', b'"\xed\xa0\x80"'), FOUR)
case("truncated UTF-8", GOOD.encode().replace(b'"a"', b'"\xe2\x82"'), FOUR)
case("UTF-16", GOOD.encode("utf-16-le"), FOUR)
case("control character in a name", GOOD.replace('"a"', '"a\x01"'), FOUR)
case("escaped control character in a name", GOOD.replace('"a"', '"a\\u0001"'), FOUR)
case("bad escape in a name", GOOD.replace('"a"', '"\\x"'), FOUR)
case("escaped surrogate pair", GOOD.replace('"a"', '"\\ud83d\\ude00"'), FOUR)
case("escaped high surrogate alone", GOOD.replace('"a"', '"\\ud83d"'), FOUR)
case("escaped low surrogate alone", GOOD.replace('"a"', '"\\ude00"'), FOUR)
case("deep array", text(shape="[" * 60 + "1" + "]" * 60), FOUR)
case("deeper than any stack", '{"a":' + "[" * 2000 + "]" * 2000 + "}")

# Names
case("empty name", {"": tensor("F32", [1], 0, 4)}, FOUR)
case("name of digits", {"10": tensor("F32", [1], 4, 8), "9": tensor("F32", [1], 0, 4)}, bytes(8))
case("name __proto__", {"__proto__": tensor("F32", [1], 0, 4)}, FOUR)
case("name constructor", {"constructor": tensor("F32", [1], 0, 4)}, FOUR)
case("name beyond ASCII", {"größe 😀": tensor("F32", [1], 0, 4)}, FOUR)
case("long name", {"n" * 5000: tensor("F32", [1], 0, 4)}, FOUR)
SAME = '"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
case("duplicate name", "{" + SAME + "," + SAME + "}", FOUR)
case("duplicate name, other content", "{" + SAME.replace("F32", "I32") + "," + SAME + "}", FOUR)
case("duplicate name, one escaped", "{" + SAME + "," + SAME.replace('"a"', '"\\u0061"') + "}", FOUR)

# Metadata
META = '"__metadata__":'
case("metadata", {"__metadata__": {"format": "pt", "": ""}, **one()[0]}, FOUR)
case("metadata last", {**one()[0], "__metadata__": {"format": "pt"}}, FOUR)
case("metadata empty", "{" + META + "{}}")
case("metadata null", "{" + META + "null}")
case("metadata array", "{" + META + "[]}")
case("metadata text", "{" + META + '"x"}')
case("metadata number value", "{" + META + '{"a":1}}')
case("metadata null value", "{" + META + '{"a":null}}')
case("metadata nested", "{" + META + '{"a":{"b":"c"}}}')
case("metadata array value", "{" + META + '{"a":["b"]}}')
case("metadata twice", "{" + META + "{}," + META + "{}}")
case("metadata with a duplicate key", "{" + META + '{"a":"1","a":"2"}}')
case("metadata with __proto__", "{" + META + '{"__proto__":"x"}}')
case("metadata that is a tensor", {"__metadata__": tensor("F32", [1], 0, 4)}, FOUR)
case("metadata with half a surrogate pair", "{" + META + '{"a":"\\udc00"}}')

# Fields
case("tensor null", '{"a":null}')
case("tensor number", '{"a":4}')
case("tensor text", '{"a":"F32"}')
case("tensor array", '{"a":["F32",[1],[0,4]]}', FOUR)
case("no dtype", '{"a":{"shape":[1],"data_offsets":[0,4]}}', FOUR)
case("no shape", '{"a":{"dtype":"F32","data_offsets":[0,4]}}', FOUR)
case("no offsets", '{"a":{"dtype":"F32","shape":[1]}}', FOUR)
case("a field too many", text(rest=',"x":1'), FOUR)
case("a field too many, with a fraction", text(rest=',"x":1.5'), FOUR)
case("a field too many, called __proto__", text(rest=',"__proto__":{}'), FOUR)
case("duplicate field", text(rest=',"shape":[1]'), FOUR)
case("other order of fields", '{"a":{"data_offsets":[0,4],"shape":[1],"dtype":"F32"}}', FOUR)
case("dtype null", text(dtype="null"), FOUR)
case("dtype number", text(dtype="32"), FOUR)
case("dtype lower case", text(dtype='"f32"'), FOUR)
case("dtype unknown", text(dtype='"F33"'), FOUR)
case("dtype __proto__", text(dtype='"__proto__"'), FOUR)
case("dtype toString", text(dtype='"toString"'), FOUR)
case("dtype with an escape", text(dtype='"\\u0046\\u0033\\u0032"'), FOUR)
SIZES = {"BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "I16": 2, "F16": 2, "BF16": 2, "I32": 4, "F32": 4}
SIZES |= {"I64": 8, "F64": 8, "U16": 2, "U32": 4, "U64": 8, "F8_E8M0": 1, "C64": 8}
SIZES |= {"F8_E4M3FNUZ": 1, "F8_E5M2FNUZ": 1}
for dtype, size in SIZES.items():
    case(f"dtype {dtype}", text(dtype=f'"{dtype}"', shape="[2,3]", offsets=f"[0,{6 * size}]"), bytes(6 * size))
case("dtype F4", text(dtype='"F4"', shape="[2]", offsets="[0,1]"), b"1")
case("dtype F6_E2M3", text(dtype='"F6_E2M3"', shape="[4]", offsets="[0,3]"), b"123")
case("dtype F6_E3M2", text(dtype='"F6_E3M2"', shape="[4]", offsets="[0,3]"), b"123")
case("dtype F4, half a byte", text(dtype='"F4"', shape="[1]", offsets="[0,1]"), b"1")

# Shapes
case("shape scalar", text(shape="[]"), FOUR)
case("shape with a zero", text(shape="[0,5]", offsets="[0,0]"))
case("shape with a zero, but bytes", text(shape="[0]"), FOUR)
case("shape of many axes", text(shape="[" + ",".join(["1"] * 200) + "]"), FOUR)
case("shape null", text(shape="null"), FOUR)
case("shape number", text(shape="1"), FOUR)
case("shape text", text(shape='"1"'), FOUR)
case("shape object", text(shape="{}"), FOUR)
case("shape of text", text(shape='["1"]'), FOUR)
case("shape of null", text(shape="[null]"), FOUR)
case("shape of booleans", text(shape="[true]"), FOUR)
case("shape negative", text(shape="[-1]"), FOUR)
case("shape twice negative", text(shape="[-1,-1]"), FOUR)
case("shape minus zero", text(shape="[-0]", offsets="[0,0]"))
case("shape 1.0", text(shape="[1.0]"), FOUR)
case("shape 1.5", text(shape="[1.5]"), FOUR)
case("shape 1e0", text(shape="[1e0]"), FOUR)
case("shape 10E-1", text(shape="[10E-1]"), FOUR)
case("shape 01", text(shape="[01]"), FOUR)
case("shape +1", text(shape="[+1]"), FOUR)
case("shape NaN", text(shape="[NaN]"), FOUR)
case("shape 2^53 - 1 and a zero", text(shape="[0,9007199254740991]", offsets="[0,0]"))
case("shape 2^53 and a zero", text(shape="[0,9007199254740992]", offsets="[0,0]"))
case("shape 2^64 - 1 and a zero", text(shape="[0,18446744073709551615]", offsets="[0,0]"))
case("shape 2^64 and a zero", text(shape="[0,18446744073709551616]", offsets="[0,0]"))
case("shape 1e400 and a zero", text(shape="[0,1e400]", offsets="[0,0]"))
case("shape product overflows, then a zero", text(shape="[4294967296,4294967296,0]", offsets="[0,0]"))
case("shape product overflows to 0", text(shape="[4294967296,4294967296]", offsets="[0,0]"))
case("shape product overflows to 1", text(shape="[3,12297829382473034411]", offsets="[0,4]"), FOUR)
case("shape bytes overflow to 0", text(shape="[4611686018427387904]", offsets="[0,0]"))
case("shape product past 2^53", text(shape="[94906267,94906267]", offsets="[0,4]"), FOUR)

# Offsets
case("offsets null", text(offsets="null"), FOUR)
case("offsets of one", text(offsets="[0]"), FOUR)
case("offsets of three", text(offsets="[0,4,4]"), FOUR)
case("offsets none", text(offsets="[]"), FOUR)
case("offsets negative", text(offsets="[-4,0]"), FOUR)
case("offsets 4.0", text(offsets="[0,4.0]"), FOUR)
case("offsets of text", text(offsets='["0","4"]'), FOUR)
case("offsets reversed", text(offsets="[4,0]"), FOUR)
case("offsets reversed, no elements", text(shape="[0]", offsets="[4,0]"), FOUR)
case("offsets begin late", text(offsets="[1,5]"), bytes(5))
case("offsets end too late", text(offsets="[0,8]"), bytes(8))
case("offsets end too soon", text(offsets="[0,3]"), bytes(3))
case("offsets past the data", text(), bytes(3))
case("offsets past any data", text(offsets="[0,18446744073709551615]"), FOUR)
case("offsets near the end of integers", text(offsets="[18446744073709551612,18446744073709551616]"), FOUR)
case("offsets 2^53", text(offsets="[9007199254740992,9007199254740996]"), FOUR)
case("data missing", text())
case("data too long", text(), bytes(5))
TWO = {"a": tensor("F32", [1], 0, 4), "b": tensor("F32", [2], 4, 12)}
case("two tensors", TWO, bytes(12))
case("two tensors, one byte short", TWO, bytes(11))
case("two tensors, one byte too many", TWO, bytes(13))
case("two tensors, header in the other order", dict(reversed(TWO.items())), bytes(12))
case("overlap whole", {"a": tensor("F32", [1], 0, 4), "b": tensor("F32", [1], 0, 4)}, FOUR)
case("overlap part", {"a": tensor("F32", [1], 0, 4), "b": tensor("F32", [1], 2, 6)}, bytes(6))
case("overlap inside", {"a": tensor("F32", [2], 0, 8), "b": tensor("F32", [1], 4, 8)}, bytes(8))
case("hole between", {"a": tensor("F32", [1], 0, 4), "b": tensor("F32", [1], 5, 9)}, bytes(9))
case("hole before", {"a": tensor("F32", [1], 4, 8)}, bytes(8))
case("hole after", {"a": tensor("F32", [1], 0, 4)}, bytes(8))
case("empty tensor first", {"z": tensor("F32", [0], 0, 0), "a": tensor("F32", [1], 0, 4)}, FOUR)
case("empty tensor between", {**TWO, "z": tensor("F32", [0], 4, 4)}, bytes(12))
case("empty tensor last", {**TWO, "z": tensor("F32", [0], 12, 12)}, bytes(12))
case("empty tensors at one place", {n: tensor("F32", [0], 0, 0) for n in "xyz"})
case("empty tensor inside another", {"a": tensor("F32", [1], 0, 4), "z": tensor("F32", [0], 2, 2)}, FOUR)
case("empty tensor past the data", {"a": tensor("F32", [1], 0, 4), "z": tensor("F32", [0], 8, 8)}, FOUR)
case("misaligned", {"b": tensor("U8", [1], 0, 1), "a": tensor("F32", [1], 1, 5)}, bytes(5))
case("header not padded", text(dtype='"U8"', offsets="[0,1]"), b"1")


def verdict(file):
    try:
        deserialize(file)
    except SafetensorError as error:
        return str(error)
    return None


def main():
    assert len({name for name, _ in CASES}) == len(CASES)
    rows = [{"name": n, "file": base64.b64encode(f).decode(), "official": verdict(f)} for n, f in CASES]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n")
    accepted = sum(row["official"] is None for row in rows)
    print(f"{len(rows)} files, the official library opens {accepted}")


if __name__ == "__main__":
    main()

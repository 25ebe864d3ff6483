/** Identifies a file of another format by its first bytes, with a fix. */

const KINDS: readonly (readonly [start: string, what: string, fix: string])[] = [
  ["version ", "a Git LFS pointer", "Fetch the actual file: git lfs pull"],
  ["GGUF", "a GGUF file", "Pass the path of the file itself, with loadModel or openGguf of @mixtape/gguf"],
  [
    "PK\x03\x04",
    "a PyTorch file",
    "Save it as safetensors in Python: AutoModelForCausalLM.from_pretrained(folder).save_pretrained(folder)",
  ],
  [
    "\x80\x02",
    "a PyTorch file",
    "Save it as safetensors in Python: AutoModelForCausalLM.from_pretrained(folder).save_pretrained(folder)",
  ],
  ["\x1f\x8b", "a compressed file", "Unpack it: gzip -d"],
  ["<!DOCTYP", "a web page", "Download the file again, from its direct URL"],
  ["<!doctyp", "a web page", "Download the file again, from its direct URL"],
  ["<html", "a web page", "Download the file again, from its direct URL"],
];

/** Enough bytes to identify every kind: a safetensors file stores the length of its header there. */
const TELLING_BYTES = 8;

/** @param bytes the first bytes of the file, at least 8 unless it is shorter */
export function explainBytes(bytes: Uint8Array): { readonly got: string; readonly fix: string } | undefined {
  const text = String.fromCharCode(...bytes.subarray(0, TELLING_BYTES));
  const found = KINDS.find(([start]) => text.startsWith(start));
  return found && { got: found[1], fix: found[2] };
}

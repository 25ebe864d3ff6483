/** What a file is that should be another, by its first bytes, and the way out. */

const KINDS: readonly (readonly [start: string, what: string, fix: string])[] = [
  ["version ", "a pointer of Git LFS", "Fetch the file that it stands for: git lfs pull"],
  ["GGUF", "a GGUF file", "Take the checkpoint that it was made from"],
  [
    "PK\x03\x04",
    "a file of PyTorch",
    "Save it as safetensors in Python: AutoModelForCausalLM.from_pretrained(folder).save_pretrained(folder)",
  ],
  [
    "\x80\x02",
    "a file of PyTorch",
    "Save it as safetensors in Python: AutoModelForCausalLM.from_pretrained(folder).save_pretrained(folder)",
  ],
  ["\x1f\x8b", "a compressed file", "Unpack it: gzip -d"],
  ["<!DOCTYP", "a web page", "Download the file again, from its own address"],
  ["<!doctyp", "a web page", "Download the file again, from its own address"],
  ["<html", "a web page", "Download the file again, from its own address"],
];

/** As many bytes tell every kind: those that a safetensors file gives to the length of its header, which are no length then. */
const TELLING_BYTES = 8;

/** @param bytes the first of the file; more do no harm */
export function explainBytes(bytes: Uint8Array): { readonly got: string; readonly fix: string } | undefined {
  const text = String.fromCharCode(...bytes.subarray(0, TELLING_BYTES));
  const found = KINDS.find(([start]) => text.startsWith(start));
  return found && { got: found[1], fix: found[2] };
}

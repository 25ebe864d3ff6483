/** Identifies a folder without `model.safetensors` by the names of its files, with a fix. */

const SAVE = "AutoModelForCausalLM.from_pretrained(folder).save_pretrained(folder)";

/** Patterns of file names; the first match is used. */
const KINDS: readonly (readonly [what: RegExp, fix: string])[] = [
  [
    /^adapter_(model\.(safetensors|bin)|config\.json)$/,
    "It is an adapter: pass the folder of the model that it was trained for, and this one as the adapter",
  ],
  [/^model-\d+-of-\d+\.safetensors$/, "It has shards and no model.safetensors.index.json: download that file too"],
  [
    /^consolidated.*\.safetensors$/,
    "It is in Mistral's own format, consolidated.safetensors: use the checkpoint in the format of transformers, with config.json and model-00001-of-….safetensors",
  ],
  [
    /^pytorch_model.*\.bin(\.index\.json)?$/,
    `It holds weights in PyTorch's own format (.bin), which can run code and is not read. Save them as safetensors in Python: ${SAVE}`,
  ],
  [/\.gguf$/i, "It holds GGUF files: pass the path of one of them in its place, not that of the folder"],
  [
    /^(tf_model\.h5|flax_model\.msgpack)$/,
    `It holds weights of TensorFlow or Flax. Save them as safetensors with transformers 4: ${SAVE.replace("(folder)", "(folder, from_tf=True)")}, or from_flax`,
  ],
  [/\.onnx$/, "It holds an ONNX export, which is not read: use the checkpoint that it was converted from"],
  [
    /\.(bin|pt|pth|ckpt|pkl)$/,
    `It holds weights in PyTorch's own format, which can run code and is not read. Save them as safetensors in Python: ${SAVE}`,
  ],
  [/\.(incomplete|part|crdownload|aria2)$/, "A download is incomplete: wait for it, or restart it"],
  [/^snapshots$/, "It is a folder of the Hub's cache: pass a folder inside snapshots"],
  [/^checkpoint-\d+$/, "It is the output of a training run: pass one of the checkpoint folders in it"],
];

/** @returns sentences without the last full stop; undefined if the names give no hint */
export function explainFolder(names: readonly string[]): string | undefined {
  const files = names.filter((name) => name !== ".gitattributes" && name !== ".git" && name !== ".cache");
  if (files.length === 0) return "The folder is empty";
  for (const [what, fix] of KINDS) if (files.some((name) => what.test(name))) return fix;
  const others = files.filter((name) => name.endsWith(".safetensors"));
  // The expected name is present: the names give no hint.
  if (others.includes("model.safetensors")) return undefined;
  if (others.length === 1)
    return `It holds ${JSON.stringify(others[0])}: rename it to model.safetensors if that is the model`;
  return others.length > 1
    ? "It holds safetensors files with other names, and no index that names the model's files"
    : undefined;
}

/** The section of the page on how figures are taken. */

import { PRODUCTS } from "./step.js";

export function method(): string {
  return `## How it is measured

- Each figure is measured in a separate process, one process at a time and in turns: every engine runs before the first runs
  again, and each round starts with another engine. Before a process starts, its files are read once, so
  that they are in the page cache as far as there is room.
- \`start\` has its own process, which loads the model and generates 33 tokens after a prompt of 32, without a warm-up. Time
  counts from before the process is started. The other tasks run in a second process, each for at least
  a second to warm up, then at least three times and for at least a second; a long one is repeated for
  at most ten seconds. Decoding after 8,192 tokens runs only once, after the others have warmed up. The figure of a process
  is the median of its runs.
- Several rows decode in one batch, from prompts of 32 tokens that differ: with Mixtape through \`generateTokens\`, with llama.cpp as parallel
  sequences, with vLLM as requests that its scheduler puts together. The figure is the tokens of all rows.
- A prefill is the time from a prompt to its first token, with Mixtape through \`generateTokens\`, greedily. Decoding is the 32
  tokens after the first. Loading goes from the start of the process until all weights are ready to be multiplied.
- Memory is sampled twenty times a second, from outside the process: Linux's \`RssFile\`, \`RssAnon\` and \`VmHWM\`.
- Peers run the same random weights, with one thread per core: llama.cpp through node-llama-cpp, its files
  in GGUF, mapped, with flash attention where trials on this machine say so, chosen separately for prompts and for single tokens,
  and with its own repacking of quantised weights, which it does by default; transformers with \`sdpa\` attention and a growing cache, and with the fastest of its expert implementations
  on this machine, chosen separately for prompts and for single tokens;
  vLLM in the measuring process, compiled by \`torch.compile\` as is its default, without its cache of prefixes;
  OpenVINO's runtime on what optimum-intel exports: float16, which holds these bfloat16 values but the smallest; for quantised shapes int8, or int4 in symmetric groups of 32 with embedding and head in
  8 bits, from the same values in bfloat16. Without peers, ratios are against the slowest engine.
- Quantised weights are one GGUF file, which \`native\` and llama.cpp both load.
- The bound of decoding is reading every weight that a token uses once, of several rows those that some row uses, in the format of the file, as fast as memory is
  read by a native kernel, or by \`memcmp\` (\`Buffer.equals\`) over two buffers otherwise: JavaScript has no better access.
  The bound of prefilling is reading every weight that some token of the prompt uses, if all experts are equally likely, or
  multiplying by them all at the processor's bfloat16 peak, whichever takes longer. Attention is not counted as work.
- \`of its own products\` compares with the engine's own matrix products in float32, measured alone, at their best: decoding with
  a row by a square matrix of about as many weights as a token uses, prefilling with 512 rows by a 512 × 512 matrix. Above 100 % a
  model's smaller matrices suit the engine better than that one.
- Kernels alone are called from JavaScript one after another; the figure is the median over a quarter of a second. The bytes that they must read are
  weights, in the engine's storage, and keys and values, or the inputs and outputs of a kernel that has neither.
  Layers take turns, and so do selections of experts. Their bound is that of prefilling.
- Kernels in a step are counted by \`tf.profile\`; their times are medians over 50 steps, and the time outside of them is the rest of the
  median of 50 steps without a profiler between those. Counted as matrix products are
  ${listOf([...PRODUCTS])}.
`;
}

function listOf(names: readonly string[]): string {
  const quoted = names.map((name) => `\`${name}\``);
  return `${quoted.slice(0, -1).join(", ")} and ${quoted.at(-1)}`;
}

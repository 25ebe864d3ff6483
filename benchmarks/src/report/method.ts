/** How figures are taken, as the page tells it. */

import { PRODUCTS } from "./step.js";

export function method(): string {
  return `## How it is measured

- Figures are taken in processes of their own, one process at a time and in turns: every engine runs before the first comes
  again, and each round starts with another engine. Before a process starts, the files that it will read are read once, so
  that they lie in the page cache as far as there is room.
- \`start\` has a process to itself: it loads the model and writes 33 tokens after a prompt of 32, with nothing warmed up. Time
  counts from before the process is started. The other tasks follow each other in a second process, each done for at least
  a second to warm up, then at least three times and for at least a second; one that takes longer is begun again for
  at most ten seconds. Decoding after 8,192 tokens is done a single time, when the others have warmed up. The figure of a process
  is the median of its runs.
- A prefill is the time from a prompt to its first token, with Mixtape through \`generateTokens\`, greedily. Decoding is the 32
  tokens after the first. Loading goes from the start of the process until all weights are ready to be multiplied.
- Memory is looked at twenty times a second, from outside of the process: \`RssFile\`, \`RssAnon\` and \`VmHWM\` as Linux tells them.
- Peers run the same random weights, with as many threads as there are cores: llama.cpp through node-llama-cpp, its files
  in GGUF, mapped; transformers with \`sdpa\` attention and a growing cache, and with whichever of its ways of multiplying by experts
  is fastest here, tried for prompts and for single tokens. Without peers, ratios are against the slowest engine.
- The bound of decoding is reading every weight that a token meets once, in the format of the file, as fast as memory is
  read by a native kernel, or by \`memcmp\` (\`Buffer.equals\`) over two buffers where there is none: JavaScript has no better access.
  The bound of prefilling is reading every weight that some token of the prompt meets, if all experts are as likely, or
  multiplying by them all at the processor's bfloat16 peak, whichever takes longer. Attention is not counted as work.
- \`of its own products\` compares with the engine's own matrix products in float32, measured alone, at their best: decoding with
  a row by a square matrix of about as many weights as a token meets, prefilling with 512 rows by a 512 × 512 matrix. Above 100 % a
  model's smaller matrices suit the engine better than that one.
- Kernels alone are called from JavaScript one after another, at the median over a quarter of a second; what they must read are
  weights, in the format that the engine keeps them in, and keys and values, or for a kernel that has neither what goes in and
  out. Layers take turns, and so do choices of experts. Their bound is that of prefilling.
- Kernels in a step are what \`tf.profile\` counts; their times are medians over 50 steps, and the time outside of them is the rest of the
  median of 50 steps without a profiler between those. Counted as matrix products are
  ${listOf([...PRODUCTS])}.
`;
}

function listOf(names: readonly string[]): string {
  const quoted = names.map((name) => `\`${name}\``);
  return `${quoted.slice(0, -1).join(", ")} and ${quoted.at(-1)}`;
}

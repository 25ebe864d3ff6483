/** LoRA on the sample model, with the same code in Node and in a browser. `scripts/verify.js` compares the two. */

import { loadModel, loadTokenizer, useEngine } from "@mixtape/mixtape";
import { applyAdapter } from "@mixtape/peft";
import { CausalLMTask, dataLoader, train } from "@mixtape/training";

const TEXT =
  "Climate: temperate; cool, damp winters and warm, dry summers. Terrain: a low plain in the north, hills in the south. " +
  "Natural resources: timber, fish, iron ore, arable land. Natural hazards: river floods in spring. ";
const STEPS = 20;

/**
 * Returns the losses of 20 steps on wasm.
 * @param {string | URL} source the model's folder
 * @param {string} [wasmPath] folder of the .wasm files, in a browser
 */
export async function lossesOnWasm(source, wasmPath) {
  await useEngine("wasm", { wasmPath });
  const [model, tokenizer] = [await loadModel(source), await loadTokenizer(source)];
  try {
    const adapter = await applyAdapter(model, { method: "lora", r: 8, targetModules: ["q_proj", "v_proj", "o_proj"] });
    const data = dataLoader([{ inputIds: tokenizer.encode(TEXT) }], { batchSize: 2, maxLength: 32 });
    const trainee = new CausalLMTask(model, { params: adapter.trainableParams() });
    /** @type {number[]} */
    const losses = [];
    for await (const { loss } of train(trainee, data, { maxSteps: STEPS, optimizer: { learningRate: 5e-3 } }))
      losses.push(loss);
    return losses;
  } finally {
    model.dispose();
  }
}

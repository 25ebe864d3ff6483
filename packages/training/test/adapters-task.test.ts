import { MixtralForCausalLM } from "@mixtape/mixtral";
import { adaptersOf, applyAdapter } from "@mixtape/peft";
import { fixture, onEachEngine, withoutLeak } from "@mixtape/testing";
import { expect, test } from "vitest";
import { AdaptersTask, adapterBatches, CausalLMTask, dataLoader, type TrainOptions, train } from "../src/index.js";

const TEXTS = [
  [{ inputIds: [1, 2, 3, 4, 5, 6] }, { inputIds: [9, 8, 7] }],
  [{ inputIds: [20, 21, 22, 23] }, { inputIds: [40, 41, 42, 43, 44, 45, 46, 47] }],
];
const options = (names: readonly string[]): TrainOptions => ({
  maxSteps: 3,
  seed: 1,
  optimizer: {
    learningRate: 0.01,
    groups: names.map((name) => ({ name, match: (param: string) => param.startsWith(`${name}.`) })),
  },
});

onEachEngine(() => {
  test("adapters that train together learn what each learns alone", async () => {
    await withoutLeak(async () => {
      const model = await MixtralForCausalLM.fromPretrained(fixture("models/mixtral/basic"));
      const names = ["a", "b"];
      const data = () => TEXTS.map((texts) => dataLoader(texts, { batchSize: 2, seed: 3 }));
      const values = async (name: string): Promise<number[]> => {
        const params = [...adaptersOf(model).get(name).namedParameters()];
        return (await Promise.all(params.map(([, { weight }]) => weight.parts[0]!.data()))).flatMap((one) => [...one]);
      };
      const apply = (name: string, i: number) =>
        applyAdapter(model, { method: "lora", r: 2, targetModules: ["q_proj", "down_proj"] }, { name, seed: i });
      const learned = async (steps: AsyncIterable<unknown>): Promise<number[][]> => {
        for await (const _ of steps);
        const all = await Promise.all(adaptersOf(model).names.map(values));
        for (const name of adaptersOf(model).names) adaptersOf(model).delete(name);
        return all;
      };
      const both = await Promise.all(names.map(apply));
      const task = new AdaptersTask(model, both);
      const parts = data().map((own, i) => ({ adapter: names[i]!, data: own }));
      const together = await learned(train(task, adapterBatches(parts, 1), options(names)));
      for (const [i, name] of names.entries()) {
        const params = (await apply(name, i)).trainableParams();
        const alone = new CausalLMTask(model, { params, auxLossCoef: 0 });
        const [expected] = await learned(train(alone, data()[i]!, options([name])));
        expect(together[i]!.length).toBe(expected!.length);
        for (const [at, value] of expected!.entries()) expect(together[i]![at]).toBeCloseTo(value, 4);
      }
      model.dispose();
    });
  });
});

test("an unknown option, no adapter, and batches of none are refused", async () => {
  const model = await MixtralForCausalLM.fromPretrained(fixture("models/mixtral/basic"));
  expect(() => new AdaptersTask(model, [], { gradientCheckpoint: true } as object)).toThrow("gradientCheckpointing");
  expect(() => new AdaptersTask(model, [])).toThrow("AdaptersTask: adapters: expected at least one adapter");
  expect(() => adapterBatches([], 0)).toThrow(
    "adapterBatches: accumulate: expected a whole number of at least 1, got 0",
  );
  model.dispose();
});

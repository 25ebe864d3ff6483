import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { openSafetensors, toFloat32 } from "@mixtape/safetensors";
import type { Values } from "./values.js";

/** One operation of the reference: what it was given and what torch made of it. */
export interface Golden {
  readonly name: string;
  readonly op: string;
  readonly attributes: GoldenAttributes;
  readonly inputs: Readonly<Record<string, Values>>;
  readonly outputs: Readonly<Record<string, Values>>;
  /** The gradients that come from above, for each output that has one. */
  readonly upstream: Readonly<Record<string, Values>>;
  readonly gradients: Readonly<Record<string, Values>>;
}

export interface GoldenAttributes {
  readonly eps?: number;
  readonly scale?: number;
  readonly offset?: number;
  readonly window?: number | null;
  readonly activation?: string;
  readonly topK?: number;
  readonly routeScale?: number;
}

interface Listed {
  readonly name: string;
  readonly op: string;
  readonly attributes: GoldenAttributes;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly gradients: readonly string[];
}

const FOLDER = new URL("../../../testing/__fixtures__/", import.meta.url);

/** Reads `<stem>.json` and `<stem>.safetensors`: transformers' own code, run by torch in float32. */
export async function readGoldens(stem: "ops" | "ops-rotary"): Promise<Golden[]> {
  const { cases } = JSON.parse(readFileSync(new URL(`${stem}.json`, FOLDER), "utf8")) as { cases: Listed[] };
  await using file = await openSafetensors(fileURLToPath(new URL(`${stem}.safetensors`, FOLDER)));
  const read = async (name: string): Promise<Values> => {
    const view = file.tensor(name);
    const { dtype, shape } = view;
    const values = toFloat32(await view.read(), dtype);
    return dtype === "F32"
      ? { shape, dtype: "float32", values }
      : { shape, dtype: "int32", values: Int32Array.from(values) };
  };
  const group = async (prefix: string, names: readonly string[]): Promise<Record<string, Values>> => {
    const present = names.filter((name) => file.has(`${prefix}/${name}`));
    return Object.fromEntries(
      await Promise.all(present.map(async (name) => [name, await read(`${prefix}/${name}`)] as const)),
    );
  };
  return await Promise.all(
    cases.map(async ({ name, op, attributes, inputs, outputs, gradients }) => ({
      name,
      op,
      attributes,
      inputs: await group(`${name}/in`, inputs),
      outputs: await group(`${name}/out`, outputs),
      upstream: await group(`${name}/upstream`, outputs),
      gradients: await group(`${name}/grad`, gradients),
    })),
  );
}

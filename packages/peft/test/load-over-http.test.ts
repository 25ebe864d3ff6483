/** Adapters at a URL: requests as the call says, and an end when its signal says so. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ForCausalLM } from "@mixtape/decoder";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { adaptersOf, loadAdapter } from "../src/index.js";
import { goldenAdapters, loadGoldenModel } from "./support/golden-adapters.js";

const { folder, about } = goldenAdapters.find(({ name }) => name === "mixtral/lora-attention")!;
const ADDRESS = "https://example.org/private/adapter";
let model: ForCausalLM;

beforeAll(async () => {
  ({ model } = await loadGoldenModel(about.model));
});
afterEach(() => {
  for (const name of adaptersOf(model).names) adaptersOf(model).delete(name);
});
afterAll(() => model.dispose());

/** A server that answers no ranges, and shows its files to those with the key. */
const server: typeof fetch = async (address, init) => {
  if (new Headers(init?.headers).get("authorization") !== "Bearer key") return new Response(null, { status: 401 });
  const name = new URL(String(address)).pathname.split("/").at(-1)!;
  return new Response(new Uint8Array(readFileSync(join(folder, name))));
};

test("with the headers of the call", async () => {
  const fetchOptions = { fetch: server, headers: { authorization: "Bearer key" } };
  const adapter = await loadAdapter(model, ADDRESS, { fetchOptions, onWarning: () => {} });
  expect(adapter.config.method).toBe("lora");
  await expect(loadAdapter(model, ADDRESS, { name: "other", fetchOptions: { fetch: server } })).rejects.toThrow(
    /adapter_config\.json: expected HTTP 200 or 206, got HTTP 401\./,
  );
  expect(adaptersOf(model).names).toEqual(["default"]);
});

test("as far as a server without ranges may send whole files", async () => {
  const headers = { authorization: "Bearer key" };
  const fetchOptions = { fetch: server, headers, wholeFileUpTo: 0 };
  await expect(loadAdapter(model, ADDRESS, { fetchOptions })).rejects.toThrow(/answers range requests/);
  const misspelt = { fetch: server, headers, retry: 1 } as never;
  await expect(loadAdapter(model, ADDRESS, { fetchOptions: misspelt })).rejects.toThrow(/retries/);
});

test("until the signal ends it", async () => {
  const stop = new AbortController();
  const ending: typeof fetch = async (address, init) => {
    if (String(address).endsWith(".safetensors")) stop.abort(new Error("enough"));
    return server(address, init);
  };
  const fetchOptions = { fetch: ending, headers: { authorization: "Bearer key" } };
  await expect(loadAdapter(model, ADDRESS, { fetchOptions, signal: stop.signal })).rejects.toThrow("enough");
  expect(adaptersOf(model).names).toEqual([]);
  await expect(loadAdapter(model, ADDRESS, { signal: "now" as never })).rejects.toThrow(
    /loadAdapter: signal: expected/,
  );
});

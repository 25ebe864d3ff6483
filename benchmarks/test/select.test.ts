import { expect, test } from "vitest";
import { select } from "../src/select.js";

const all = [{ name: "cpu" }, { name: "wasm" }];

test("names are taken in the order that they are given", () => {
  expect(select(all, "wasm, cpu", "--engines")).toEqual([{ name: "wasm" }, { name: "cpu" }]);
});

test("an unknown name is an error that lists the known ones", () => {
  expect(() => select(all, "wasm,gpu", "--engines")).toThrow('--engines: expected some of cpu, wasm, got "gpu"');
});

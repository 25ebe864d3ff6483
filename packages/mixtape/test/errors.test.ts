import { describe, expect, test } from "vitest";
import { ConfigError, inspectModel, loadModel, MixtapeError, SafetensorsError } from "../src/index.js";
import { withConfig } from "./files.js";

describe("what the packages below throw is caught with the classes of this one", () => {
  test("ConfigError", async () => {
    const model = withConfig("mixtral/basic", { num_experts_per_tok: 99 });
    const error = await loadModel(model, { engine: "cpu" }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toBeInstanceOf(MixtapeError);
    expect(error).not.toBeInstanceOf(SafetensorsError);
  });

  test("SafetensorsError", async () => {
    const error = await inspectModel(5 as never).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SafetensorsError);
    expect(error).toBeInstanceOf(MixtapeError);
  });
});

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { temporaryFolder } from "./support.js";
import { one, save } from "./versions.js";

const BUILT = fileURLToPath(new URL("../dist/index.js", import.meta.url));

test.runIf(process.platform === "linux")(
  "a source that nobody closed is closed, without a warning of Node's",
  async () => {
    const folder = await temporaryFolder();
    await save(folder, 1, one);
    const path = join(folder, "model.safetensors");
    const program = `
    const { openSafetensors } = await import(${JSON.stringify(BUILT)});
    const { readdirSync, readlinkSync } = await import("node:fs");
    const opened = () => readdirSync("/proc/self/fd").filter((fd) => {
      try { return readlinkSync("/proc/self/fd/" + fd) === ${JSON.stringify(path)}; } catch { return false; }
    }).length;
    const open = async () => { const source = await openSafetensors(${JSON.stringify(path)}); await source.tensor("a").read(); };
    for (let i = 0; i < 20; i++) await open();
    const before = opened();
    for (let i = 0; i < 50 && opened() > 0; i++) { gc(); await new Promise((resolve) => setImmediate(resolve)); }
    console.log(before > 0, opened());
  `;
    const { stdout, stderr } = spawnSync(process.execPath, ["--expose-gc", "--input-type=module", "-e", program], {
      encoding: "utf8",
    });
    expect({ stdout, stderr }).toEqual({ stdout: "true 0\n", stderr: "" });
  },
);

import assert from "node:assert";
import fs from "node:fs";
import path from "node:path";
import { generationConfig } from "@mixtape/config";
import { afmoeConfig } from "./afmoe/config.js";
import { mixtralConfig } from "./mixtral/config.js";
import { qwen3MoeConfig } from "./qwen3-moe/config.js";

const defs = { mixtral: mixtralConfig, qwen3_moe: qwen3MoeConfig, afmoe: afmoeConfig };
let n = 0;
for (const f of fs.readdirSync(process.argv[2], { recursive: true })) {
  const base = path.basename(f);
  if (base !== "config.json" && base !== "generation_config.json" && !/configs\/.*json$/.test(f)) continue;
  const j = JSON.parse(fs.readFileSync(path.join(process.argv[2], f)));
  const d = base === "generation_config.json" ? generationConfig : defs[j.model_type];
  try {
    const c = d.parse(j, { file: f });
    assert.deepStrictEqual(d.toJSON(c), j);
    assert.deepStrictEqual(d.parse(d.toJSON(c)), c);
    n++;
  } catch (e) {
    console.log(f, String(e).slice(0, 600));
  }
}
console.log(n, "ok");

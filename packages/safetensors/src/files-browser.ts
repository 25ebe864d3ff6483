import { SafetensorsError } from "./errors.js";

// The counterpart of files-node.ts. Browsers have no paths, so each function here throws.

type Files = typeof import("./files-node.js");

function noFiles(what: unknown): never {
  throw new SafetensorsError({
    where: String(what),
    expected: "a URL, Blob or bytes",
    got: "a path, which only Node can open",
    fix: "To read, pass an absolute http(s) URL, e.g. new URL(path, document.baseURI); to write, create the files in memory",
  });
}

export const toPath: Files["toPath"] = noFiles;
export const join: Files["join"] = noFiles;
export const splitPath: Files["splitPath"] = noFiles;
export const openFile: Files["openFile"] = async (path) => noFiles(path);
export const readIfThere: Files["readIfThere"] = async (path) => noFiles(path);
export const listFolder: Files["listFolder"] = async (folder) => noFiles(folder);
export const stampOf: Files["stampOf"] = async (path) => noFiles(path);
export const makeFolder: Files["makeFolder"] = async (folder) => noFiles(folder);
export const removeEmpty: Files["removeEmpty"] = async (folder) => noFiles(folder);
export const writeNew: Files["writeNew"] = async (path) => noFiles(path);
export const createNew: Files["createNew"] = async (path) => noFiles(path);
export const move: Files["move"] = async (from) => noFiles(from);
export const isAlready: Files["isAlready"] = noFiles;
export const isMissing: Files["isMissing"] = noFiles;
export const remove: Files["remove"] = async (path) => noFiles(path);
export const syncFolder: Files["syncFolder"] = async (folder) => noFiles(folder);
export const processId: Files["processId"] = () => noFiles("process");
export const isRunning: Files["isRunning"] = noFiles;
export const owner: Files["owner"] = () => noFiles("process");
export const ownerIsRunning: Files["ownerIsRunning"] = noFiles;
export type { Owner } from "./files-node.js";

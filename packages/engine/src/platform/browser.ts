/** Platform services for engines in a browser or another runtime without Node's modules: none. */

import type { Native, TfjsNode } from "./platform.js";

export const isNode = false;

/** Returns null: browsers do not tell. */
export function availableMemory(): null {
  return null;
}

/** @throws always: the binary needs Node */
export function loadNative(): Promise<Native> {
  return Promise.reject(new Error("it runs in Node only"));
}

/** @throws always: tfjs-node is a Node package */
export function loadTfjsNode(): TfjsNode {
  throw new Error("it runs in Node only");
}

/** Leaves the folder to TensorFlow.js: that of the page. */
export function wasmFolder(): string | undefined {
  return undefined;
}

/** Does nothing: `navigator.gpu` exists or not. */
export function loadWebGPU(): Promise<unknown> {
  return Promise.resolve(undefined);
}

/** Fetches a file. @throws if the server does not return it */
export async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

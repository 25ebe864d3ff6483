/** What a browser or another runtime without Node's modules offers the engines: nothing. */

import type { Native, TfjsNode } from "./platform.js";

export const isNode = false;

/** @throws always: the binary is one for Node */
export function loadNative(): Promise<Native> {
  return Promise.reject(new Error("it runs in Node only"));
}

/** @throws always: tfjs-node is a Node package */
export function loadTfjsNode(): TfjsNode {
  throw new Error("it runs in Node only");
}

/** Left to TensorFlow.js: in the folder of the page. */
export function wasmFolder(): string | undefined {
  return undefined;
}

/** There is `navigator.gpu` or nothing. */
export function loadWebGPU(): Promise<unknown> {
  return Promise.resolve(undefined);
}

/** A file that the page can fetch. @throws where the server does not give it */
export async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

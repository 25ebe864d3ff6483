/** Serves folders under URL prefixes. */

import { createServer } from "node:http";
import sirv from "sirv";

/**
 * Headers of a strict site: scripts from this site only, and no code from strings. `wasm-unsafe-eval` allows compiling
 * WebAssembly and nothing else.
 */
const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data:; object-src 'none'";

/**
 * Starts a server that only this machine can reach. It answers range requests, which read tensors.
 *
 * @param {Record<string, string>} folders a folder for each prefix, such as `/model/`; the first match is used
 * @param {number} port 0 for any free port
 * @returns {Promise<{ url: string, close: () => void }>}
 */
export function serve(folders, port) {
  const mounts = Object.entries(folders).map(([prefix, folder]) => ({ prefix, handle: sirv(folder, { dev: true }) }));
  const server = createServer((request, response) => {
    response.setHeader("content-security-policy", POLICY);
    const missing = () => void response.writeHead(404).end("Not found");
    const mount = mounts.find(({ prefix }) => request.url?.startsWith(prefix));
    if (!mount) return missing();
    request.url = request.url?.slice(mount.prefix.length - 1);
    mount.handle(request, response, missing);
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      if (address === null || typeof address === "string") throw new TypeError("the server has no port");
      const close = () => {
        server.close();
        server.closeAllConnections();
      };
      resolve({ url: `http://127.0.0.1:${address.port}/`, close });
    });
  });
}

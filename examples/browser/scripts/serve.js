/** Serves the build, and the sample model beside it. `npm start`; PORT chooses the port. */

import { fileURLToPath } from "node:url";
import { serve } from "./server.js";

const folder = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const folders = { "/model/": folder("../../../models/sample-afmoe"), "/": folder("../dist") };

const { url } = await serve(folders, Number(process.env.PORT ?? 8080));
console.log(`${url} (Ctrl-C ends it)`);

export { GgufError, GgufFormatError, GgufUnsupportedError } from "./errors.js";
export type { GgufFile } from "./gguf-files.js";
export type { Metadata, MetadataValue } from "./header/metadata.js";
export { GgufCheckpoint, openGguf } from "./open-gguf.js";

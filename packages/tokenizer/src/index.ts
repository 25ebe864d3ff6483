export type { ChatMessage, TextSpan } from "./chat-message.js";
export type { ChatTemplateOptions, RenderChatOptions, RenderedChat } from "./chat-template.js";
export { PythonFloat, parsePythonJson } from "./python-json.js";
export type { StreamDecoder } from "./stream-decoder.js";
export type { DecodeOptions, EncodeOptions, EncodingWithOffsets } from "./tokenizer.js";
export { Tokenizer } from "./tokenizer.js";
export { TokenizerError } from "./tokenizer-error.js";
export { TOKENIZER_FILES, type TokenizerFile, type TokenizerFiles } from "./tokenizer-files.js";

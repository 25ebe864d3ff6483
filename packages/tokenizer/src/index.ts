export type { ChatMessage, TextSpan } from "./chat-message.js";
export type { ChatTemplateOptions, RenderChatOptions, RenderedChat } from "./chat-template.js";
export { type EncodedQuestion, encodeQuestion } from "./encode-question.js";
export { PythonFloat, parsePythonJson } from "./python-json.js";
export type { StreamDecoder } from "./stream-decoder.js";
export type {
  DecodeOptions,
  EncodeOptions,
  EncodingWithOffsets,
  ParsedTokenizerOptions,
  TokenizerOptions,
} from "./tokenizer.js";
export { Tokenizer } from "./tokenizer.js";
export { TokenizerError } from "./tokenizer-error.js";
export { CHAT_TEMPLATE_FOLDER, TOKENIZER_FILES, type TokenizerFile, type TokenizerFiles } from "./tokenizer-files.js";
export type { UnwrittenPart } from "./unwritten-parts.js";

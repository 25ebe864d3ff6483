export { parseJson, safeName, safeText } from "@mixtape/errors";
// All apps share one copy of Commander, whose errors are recognised by class.
export { Command, Option } from "commander";
export { colors, colorsFor, note } from "./colors.js";
export { EXIT, InputError, InterruptedError, UsageError } from "./failure.js";
export { RenamedFlag } from "./flag-syntax.js";
export {
  adapterOption,
  chatTemplateOption,
  checkOption,
  debugOption,
  engineOption,
  given,
  ignoreOption,
  memoryOption,
  modelOption,
  precisionOption,
  taskOption,
  threadsOption,
} from "./flags.js";
export { bytes, percent, plural, rate, seconds, short, table, whole } from "./format.js";
export { Interrupt } from "./interrupt.js";
export { near, shellWord } from "./path.js";
export { prepared, runProgram } from "./program.js";
export { readInput } from "./read-file.js";
export { parseInput, readChatTemplate, readInputText, readStandardInput } from "./read-text.js";
export { outputTaken } from "./streams.js";
export { barStream } from "./terminal.js";
export { copyNamedTemplates, tokenizerFiles } from "./tokenizer-files.js";
export { fileSize, ids, integer, number, someText, textOf } from "./values.js";

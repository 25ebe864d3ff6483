export { hubHint } from "./hub-name.js";
export { type ErrorDetails, MixtapeError } from "./mixtape-error.js";
export { type Fix, formatFix, type OptionSyntax, type OptionText, renameOptions } from "./option-syntax.js";
export { checkOptions, checkOptionTypes, OptionError, type OptionNames, type OptionType } from "./options.js";
export { parseJson, refuseByteOrderMark } from "./parse-json.js";
export { safeName, safeText, shortened } from "./safe-text.js";

export { hubHint } from "./hub-name.js";
export { type Complaint, MixtapeError } from "./mixtape-error.js";
export { checkOptions, OptionError, type OptionNames } from "./options.js";
export { safeName, safeText, shortened } from "./safe-text.js";

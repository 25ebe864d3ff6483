export { type Complaint, MixtapeError } from "./mixtape-error.js";
export { checkOptions, OptionError, type OptionNames } from "./options.js";

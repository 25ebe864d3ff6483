export { compileRegex, Regex, type RegexMatch, type RegexOptions, type RegexSyntax } from "./regex.js";
export { RegexError } from "./regex-error.js";
export { StepBudget } from "./step-budget.js";

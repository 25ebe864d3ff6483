/** An error of a template: in its syntax, or raised during rendering. `kind` is the name of Python's exception. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";

  constructor(
    readonly kind: string,
    message: string,
  ) {
    super(message);
  }
}

/** A template that takes more steps, text or depth than a chat needs. */
export class BudgetError extends TemplateError {
  constructor(message: string) {
    super("BudgetError", message);
  }
}

export function typeError(message: string): TemplateError {
  return new TemplateError("TypeError", message);
}

export function valueError(message: string): TemplateError {
  return new TemplateError("ValueError", message);
}

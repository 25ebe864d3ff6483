import { NewError } from "./new-error.js";

/**
 * Spellings of a name in code.
 *
 * @typedef {object} Names
 * @property {string} kebab `my-moe`: files, packages
 * @property {string} snake `my_moe`: `model_type`
 * @property {string} camel `myMoe`: values
 * @property {string} pascal `MyMoe`: classes
 * @property {string} title name in prose
 */

/**
 * Derives the spellings of a name.
 * @param {string} kebab
 * @param {string} [title] name in prose. Default: the name of its classes
 * @returns {Names}
 */
export function namesOf(kebab, title) {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(kebab))
    throw new NewError(
      "name",
      "lower case letters and digits with hyphens between, such as my-moe",
      JSON.stringify(kebab),
    );
  const pascal = kebab.replace(/(?:^|-)(.)/g, (_, letter) => letter.toUpperCase());
  const camel = pascal[0]?.toLowerCase() + pascal.slice(1);
  return { kebab, snake: kebab.replaceAll("-", "_"), camel, pascal, title: title ?? pascal };
}

/**
 * Rewrites a text about one name to be about another. A name of one word has the same spelling in several roles: its
 * context tells which it is.
 *
 * @param {string} text
 * @param {Names} from
 * @param {Names} to
 */
export function rename(text, from, to) {
  return (
    text
      // The family's own constant: its declaration, its use in classes, and its export.
      .replace(new RegExp(`(const |family = )${from.camel}\\b(?!-)`, "g"), `$1${to.camel}`)
      .replace(new RegExp(`([{,]\\s*)${from.camel}(?=,?\\s*\\} from )`, "g"), `$1${to.camel}`)
      .replaceAll(`modelType: "${from.snake}"`, `modelType: "${to.snake}"`)
      .replaceAll(`modelType: "${from.kebab}"`, `modelType: "${to.kebab}"`)
      .replace(new RegExp(`${from.pascal}(?=[A-Z])`, "g"), to.pascal)
      .replace(new RegExp(`${from.camel}(?=[A-Z])`, "g"), to.camel)
      // The other family's paper, and its released checkpoints.
      .replace(new RegExp(`${from.title} \\([^()]*https?:[^()]*\\)`, "g"), to.title)
      .replaceAll(/fromPretrained\("[^"]*"\)/g, `fromPretrained("./${to.title}")`)
      .replaceAll(from.title, to.title)
      .replaceAll(from.kebab, to.kebab)
      .replaceAll(from.snake, to.snake)
      .replaceAll(from.pascal, to.pascal)
  );
}

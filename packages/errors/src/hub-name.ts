/**
 * Suggests how to download a model, where a local folder was expected and the name of a model on the Hugging Face Hub
 * was given, `owner/name`, which transformers would download.
 * @returns a sentence for {@link ErrorDetails.fix}; undefined if `source` is not such a name
 */
export function hubHint(source: unknown): string | undefined {
  if (typeof source !== "string" || !/^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(source)) return undefined;
  const command = `hf download ${source} --local-dir ${source}`;
  return `Nothing is downloaded here: if ${source} is on huggingface.co, "${command}" gets its files`;
}

import { type NormalForm, normalFormChanges } from "../unicode/normal-forms.js";
import type { Normalizer } from "./normalizer.js";

/** `NFC`, `NFD`, `NFKC` and `NFKD`. */
export function normalForm(form: NormalForm): Normalizer {
  return (text) => {
    // Most texts are already in normal form, which the engine checks quickly.
    if (text.text.normalize(form) !== text.text) text.transform(normalFormChanges(text.text, form));
  };
}

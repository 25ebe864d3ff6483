import { type NormalForm, normalFormChanges } from "../unicode/normal-forms.js";
import type { Normalizer } from "./normalizer.js";

/** `NFC`, `NFD`, `NFKC` and `NFKD`. */
export function normalForm(form: NormalForm): Normalizer {
  return (text) => {
    // Most texts are in normal form: the engine finds that out fast.
    if (text.text.normalize(form) !== text.text) text.transform(normalFormChanges(text.text, form));
  };
}

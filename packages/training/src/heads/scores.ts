/** Scores of predictions against labels. */

/** Collects predictions, and computes their scores. */
export interface Scores<O, B> {
  add(output: O, batch: B): Promise<void>;
  metrics(): Record<string, number>;
}

/**
 * Scores class predictions: accuracy, and F1 as the mean over classes (`f1_score(average="macro")` of scikit-learn).
 */
export class ClassScores {
  #right = 0;
  #all = 0;
  readonly #classes = new Map<number, { both: number; predicted: number; labelled: number }>();

  add(predicted: number, label: number): void {
    this.#all++;
    if (predicted === label) {
      this.#right++;
      this.#of(label).both++;
    }
    this.#of(predicted).predicted++;
    this.#of(label).labelled++;
  }

  /** A class that is neither predicted nor a label is excluded. */
  metrics(): { accuracy: number; f1: number } {
    return { accuracy: this.#right / this.#all, f1: mean([...this.#classes.values()].map(f1Of)) };
  }

  #of(label: number): { both: number; predicted: number; labelled: number } {
    let counts = this.#classes.get(label);
    if (!counts) {
      counts = { both: 0, predicted: 0, labelled: 0 };
      this.#classes.set(label, counts);
    }
    return counts;
  }
}

/** Scores multi-label predictions: the fraction of rows in which all are right, and F1 as the mean over labels. */
export class FlagScores {
  #right = 0;
  #all = 0;
  readonly #labels: { both: number; predicted: number; labelled: number }[];

  constructor(numLabels: number) {
    this.#labels = Array.from({ length: numLabels }, () => ({ both: 0, predicted: 0, labelled: 0 }));
  }

  add(predicted: readonly boolean[], labelled: readonly boolean[]): void {
    this.#all++;
    if (predicted.every((flag, i) => flag === labelled[i])) this.#right++;
    for (const [i, counts] of this.#labels.entries()) {
      if (predicted[i] && labelled[i]) counts.both++;
      if (predicted[i]) counts.predicted++;
      if (labelled[i]) counts.labelled++;
    }
  }

  /** As in scikit-learn, a label that never occurs has an F1 of 0. */
  metrics(): { accuracy: number; f1: number } {
    return { accuracy: this.#right / this.#all, f1: mean(this.#labels.map(f1Of)) };
  }
}

/** Harmonic mean of precision and recall: `2·TP / (2·TP + FP + FN)`. */
function f1Of({ both, predicted, labelled }: { both: number; predicted: number; labelled: number }): number {
  return predicted + labelled === 0 ? 0 : (2 * both) / (predicted + labelled);
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Returns the index of the largest of `count` numbers from `start` on. */
export function argmax(values: ArrayLike<number>, start: number, count: number): number {
  let best = 0;
  for (let i = 1; i < count; i++) if (values[start + i]! > values[start + best]!) best = i;
  return best;
}

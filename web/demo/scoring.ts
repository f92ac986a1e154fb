import type { Digits } from "./digits";

/** A misclassified held-out image. */
export interface Mistake {
  readonly index: number;
  readonly label: number;
  readonly predicted: number;
  /** Probability of the wrong class. */
  readonly confidence: number;
}

export interface Score {
  readonly right: number;
  readonly count: number;
  /** Most confident first. */
  readonly mistakes: readonly Mistake[];
}

/** Class of the largest probability: the first of equal ones, -1 if all are NaN. */
export function argmax(probabilities: ArrayLike<number>): number {
  let best = -1;
  for (let index = 0; index < probabilities.length; index++) {
    const value = probabilities[index] ?? Number.NaN;
    if (!Number.isNaN(value) && (best < 0 || value > (probabilities[best] ?? 0))) best = index;
  }
  return best;
}

/** Compares rows of probabilities with the labels. */
export function scoreDigits(probabilities: Float32Array, digits: Digits, classes: number): Score {
  const mistakes: Mistake[] = [];
  for (let index = 0; index < digits.count; index++) {
    const row = probabilities.subarray(index * classes, (index + 1) * classes);
    const predicted = argmax(row);
    const label = digits.labels[index] ?? -1;
    if (predicted !== label) mistakes.push({ index, label, predicted, confidence: row[predicted] ?? Number.NaN });
  }
  mistakes.sort((one, other) => other.confidence - one.confidence);
  return { right: digits.count - mistakes.length, count: digits.count, mistakes };
}

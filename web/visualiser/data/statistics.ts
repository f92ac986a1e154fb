/**
 * The statistics of a layer as Python declares them, in the order in which their columns cross.
 *
 * Facts of Python only: labels, colours and the choice of what to show are the page's, in `draw/`.
 */
export const MEASURED = [
  { name: "output_min", unit: "", meaning: "Smallest finite output." },
  { name: "output_max", unit: "", meaning: "Largest finite output." },
  { name: "output_mean", unit: "", meaning: "Mean of the finite outputs." },
  { name: "output_std", unit: "", meaning: "Standard deviation of the finite outputs." },
  { name: "zero_fraction", unit: "fraction", meaning: "Share of outputs that are exactly 0." },
  { name: "dead_units", unit: "count", meaning: "Units that are 0 for every sample of the batch." },
  { name: "nan_count", unit: "count", meaning: "Outputs that are NaN." },
  { name: "inf_count", unit: "count", meaning: "Outputs that are infinite." },
  { name: "weight_norm", unit: "", meaning: "L2 norm of the layer's weights." },
  { name: "bias_norm", unit: "", meaning: "L2 norm of the layer's biases." },
  { name: "gradient_norm", unit: "", meaning: "L2 norm of the gradients of the layer's parameters." },
  { name: "input_gradient_norm", unit: "", meaning: "L2 norm of the gradient with respect to the layer's input." },
  { name: "compute_time_ns", unit: "ns", meaning: "Time that the pass took." },
] as const;

/** Name of a statistic that Python measures, and of its column. */
export type MeasuredName = (typeof MEASURED)[number]["name"];
/** Unit of a statistic; empty where it has none. */
export type Unit = (typeof MEASURED)[number]["unit"];

/** The declaration of a statistic. */
export function measured(name: MeasuredName): (typeof MEASURED)[number] {
  return MEASURED.find((candidate) => candidate.name === name) as (typeof MEASURED)[number];
}

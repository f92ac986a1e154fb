/** Parts of a form, unstyled. */

export function button(text: string, type: "button" | "submit", name = ""): HTMLButtonElement {
  const element = document.createElement("button");
  element.type = type;
  element.textContent = text;
  element.className = name;
  return element;
}

/** A drop-down list; `options` maps values to labels. */
export function choice(options: Readonly<Record<string, string>>, value: string): HTMLSelectElement {
  const select = document.createElement("select");
  for (const [name, text] of Object.entries(options))
    select.add(new Option(text, name, name === value, name === value));
  return select;
}

export function field(value: string): HTMLInputElement {
  const input = document.createElement("input");
  input.type = "text";
  input.inputMode = "decimal";
  input.value = value;
  return input;
}

export function labelled(text: string, control: HTMLElement): HTMLLabelElement {
  const label = document.createElement("label");
  label.append(text, control);
  return label;
}

/** Writes a text only if it differs: screen readers repeat whatever is written. */
export function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

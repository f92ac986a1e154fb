type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;
type Child = Node | string;

/** An element with attributes and children; `true` sets a bare attribute, `false` and undefined leave it out. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children);
  return element;
}

const written = new WeakMap<Element, string>();

/** Writes a text only if it changed, which saves layout; all texts of such an element must be written by this. */
export function setText(element: Element, text: string): void {
  if (written.get(element) === text) return;
  written.set(element, text);
  element.textContent = text;
}

/** A toggle button. */
export function toggleButton(label: string, pressed: boolean, onChange: (pressed: boolean) => void): HTMLButtonElement {
  const button = el("button", { type: "button", class: "lv-toggle", "aria-pressed": String(pressed) }, label);
  button.addEventListener("click", () => {
    const next = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(next));
    onChange(next);
  });
  return button;
}

import dashboard from "../dashboard.css?inline";
import { el } from "../draw/dom";
import own from "./notebook.css?inline";

/** The element with the style sheets it needs, since a notebook and a single file have no others. */
export function withStyles(content: HTMLElement): HTMLElement {
  return el("div", {}, el("style", {}, dashboard + own), content);
}

import type { Blueprint, BlueprintLayer } from "./messages";

/** A layer with its place in the flattened blueprint: depth first, parents before children, as statistics count them. */
export interface LayerNode {
  readonly index: number;
  readonly info: BlueprintLayer;
  readonly parent: number | undefined;
  readonly children: readonly LayerNode[];
  readonly depth: number;
}

/** Nodes in statistics order; the position in the array is the node's `index`. */
export function flattenBlueprint(blueprint: Blueprint): LayerNode[] {
  const nodes: LayerNode[] = [];
  const visit = (info: BlueprintLayer, parent: number | undefined, depth: number): LayerNode => {
    const children: LayerNode[] = [];
    const node: LayerNode = { index: nodes.length, info, parent, children, depth };
    nodes.push(node);
    for (const child of info.children ?? []) children.push(visit(child, node.index, depth + 1));
    return node;
  };
  for (const layer of blueprint.layers) visit(layer, undefined, 0);
  return nodes;
}

/** Equal texts mean networks of one structure, whose statistics can go on in the same charts. */
export function structureOf(blueprint: Blueprint): string {
  const layers = flattenBlueprint(blueprint).map(({ info }) => ({ ...info, children: undefined }));
  return JSON.stringify([blueprint.grid_rows, blueprint.grid_cols, layers]);
}

/** "Layer 2 · Dense" for people; nested layers by their path. */
export function layerName(info: BlueprintLayer): string {
  return `Layer ${info.path} · ${info.type}`;
}

/** The activation where it changes anything. */
export function activationOf(info: BlueprintLayer): string | undefined {
  return info.activation && info.activation !== "linear" ? info.activation : undefined;
}

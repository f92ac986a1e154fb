import type { Blueprint, BlueprintLayer } from "./messages";

/** A layer and its place in the flattened blueprint: depth first, parents before children, as in statistics. */
export interface LayerNode {
  readonly index: number;
  readonly info: BlueprintLayer;
  readonly parent: number | undefined;
  readonly children: readonly LayerNode[];
  readonly depth: number;
}

/** All layers in the order of statistics; a node's `index` is its position in the array. */
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

/** Structure of a network as text; networks with equal texts share their charts. */
export function structureOf(blueprint: Blueprint): string {
  const layers = flattenBlueprint(blueprint).map(({ info }) => ({ ...info, children: undefined }));
  return JSON.stringify([blueprint.grid_rows, blueprint.grid_cols, layers]);
}

/** Name of a layer such as "Layer 2 · Dense"; nested layers by their path. */
export function layerName(info: BlueprintLayer): string {
  return `Layer ${info.path} · ${info.type}`;
}

/** The activation, unless it is linear. */
export function activationOf(info: BlueprintLayer): string | undefined {
  return info.activation && info.activation !== "linear" ? info.activation : undefined;
}

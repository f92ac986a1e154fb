/** The element with this id; throws if the page and its script are of different versions. */
export function part<T extends Element>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`The page has no ${kind.name} "${id}": its parts are of different versions. Reload it.`);
}

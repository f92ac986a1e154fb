/** The element with this id; a page without it is a page of another version. */
export function part<T extends Element>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`The page has no ${kind.name} "${id}": its parts are of different versions. Reload it.`);
}

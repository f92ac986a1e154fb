import { part } from "./page";

/** A failure for the user: what happened and what to do. */
export interface Failure {
  readonly title: string;
  readonly text: string;
  readonly advice: string;
  readonly details: string | undefined;
}

interface Kind {
  readonly title: string;
  readonly advice: string;
}

const KINDS: Readonly<Record<string, Kind>> = {
  network: {
    title: "Python could not be downloaded",
    advice: "Check the network connection. If you serve this page yourself, run “npm run setup” and then “npm start”.",
  },
  bad_hash: {
    title: "A downloaded file is not the expected one",
    advice: "The file was refused for safety. Reload without the cache (Ctrl or ⌘ + Shift + R).",
  },
  no_webassembly: {
    title: "This browser can't run WebAssembly",
    advice: "Use a current version of Chrome, Edge, Firefox or Safari, and switch off a “lockdown” mode for this page.",
  },
  worker: {
    title: "The worker that runs Python has stopped",
    advice: "Reload the page. If it happens again, close other tabs: the browser may be out of memory.",
  },
  device_lost: {
    title: "The GPU was lost",
    advice: "Continue training: the next step runs without it, with the same weights.",
  },
  python: {
    title: "Python reported an unexpected error",
    advice: "This is a bug in the package. Reload the page; the details below help to report it.",
  },
};

const REFUSED: Kind = {
  title: "Refused",
  advice: "Nothing was changed. Try other settings, or press “Reset” to start over.",
};

const UNKNOWN: Kind = {
  title: "The page could not continue",
  advice: "Reload the page. If it happens again, the details below help to report it.",
};

/** Description of any thrown value; errors of the package carry a `code` and the name of their Python class. */
export function describeFailure(thrown: unknown): Failure {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const code = property(error, "code");
  const traceback = property(error, "traceback");
  const kind = (code !== undefined && KINDS[code]) || (code !== undefined ? REFUSED : UNKNOWN);
  const name = code !== undefined && kind === REFUSED ? `${error.name}: ` : "";
  return {
    ...kind,
    text: `${name}${error.message}`,
    details: traceback ?? (code === undefined ? error.stack : undefined),
  };
}

function property(error: Error, name: string): string | undefined {
  const value: unknown = Reflect.get(error, name);
  return typeof value === "string" ? value : undefined;
}

/** Shows a failure that ends the page. */
export function showFailure(thrown: unknown): void {
  const failure = describeFailure(thrown);
  part("failure-title", HTMLHeadingElement).textContent = failure.title;
  part("failure-text", HTMLParagraphElement).textContent = failure.text;
  part("failure-advice", HTMLParagraphElement).textContent = failure.advice;
  part("failure-more", HTMLDetailsElement).hidden = failure.details === undefined;
  part("failure-details", HTMLPreElement).textContent = failure.details ?? "";
  part("failure-retry", HTMLButtonElement).onclick = () => location.reload();
  part("failure", HTMLElement).hidden = false;
}

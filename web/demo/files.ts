/** Ending of files of models. */
export const MODEL_FILE = ".safetensors";

/** Gives the user bytes as a file of their own. */
export function download(bytes: Uint8Array, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>], { type: "application/octet-stream" }));
  link.download = name;
  link.click();
  // The browser has taken hold of the address by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Lets the user choose a file with this ending; nothing happens if they think better of it. */
export function chooseFile(ending: string, use: (file: File) => void): void {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = ending;
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    if (file) use(file);
  });
  input.click();
}

/** File extension of models. */
export const MODEL_FILE = ".safetensors";

/** Saves bytes as a file on the user's computer. */
export function download(bytes: Uint8Array, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>], { type: "application/octet-stream" }));
  link.download = name;
  link.click();
  // The browser has read the address by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Lets the user choose a file with this extension; `use` is not called if they cancel. */
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

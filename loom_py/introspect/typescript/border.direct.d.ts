// Direct API only: objects in the same thread, freed at once.

/** A Python object in this thread; lives until it is disposed. */
export interface Handle extends Disposable {
  /** Frees the object; later calls throw. */
  dispose(): void;
}

export interface Loom {
  /**
   * Make a network from its config.
   *
   * @throws {@link ConfigError} the config is not an object, or has an unknown layer, key or value.
   */
  network(config: NetworkConfig): Network;
}

// The direct face's own: objects in the same thread, freed at once.

/** An object of Python in this thread; lives until it is disposed. */
export interface Handle extends Disposable {
  /** Frees the object; every later call is refused. */
  dispose(): void;
}

export interface Loom {
  /**
   * Make a network from its config.
   *
   * @throws {@link ConfigError} the config is no object, or has an unknown layer, key or value.
   */
  network(config: NetworkConfig): Network;
}

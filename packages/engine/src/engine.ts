/** Names of the engines: each is a TensorFlow.js backend. */
export type EngineName = "native" | "tensorflow" | "webgpu" | "wasm" | "cpu";

/** An engine in use. */
export interface Engine {
  /** The name by which {@link useEngine} chooses it. */
  readonly name: EngineName;
  /** The backend's name in TensorFlow.js: what `tf.getBackend()` gives. */
  readonly backend: string;
  /** What runs, such as `tfjs-backend-wasm 4.22.0, SIMD, 1 thread`. */
  readonly description: string;
  /** How many bytes of tensors it can hold, and why not more; `null` where only the machine's memory limits it. */
  readonly memoryLimit: MemoryLimit | null;
  /** What the automatic choice tried before this one, and why not; empty for an engine chosen by name. */
  readonly passedOver: readonly PassedOver[];
}

/** An engine that the automatic choice tried. */
export interface PassedOver {
  /** The engine that does not work. */
  readonly name: EngineName;
  /** Why it does not work here. */
  readonly reason: string;
}

/** How much an engine, or a machine, holds. */
export interface MemoryLimit {
  /** How many bytes of tensors. */
  readonly bytes: number;
  /** What sets the limit, in words. */
  readonly why: string;
}

/** What is known of an engine on this machine. */
export interface EngineStatus {
  /** The name by which {@link useEngine} chooses it. */
  readonly name: EngineName;
  /** Whether it works here. */
  readonly available: boolean;
  /** The engine's description, or why it is not available. */
  readonly detail: string;
  /** What to install, or where to run, to have it. */
  readonly howToGet: string;
}

/** How an engine is prepared. An option of another engine than the one that is chosen changes nothing. */
export interface EngineOptions {
  /** For `native`: how many threads compute, the calling one included; a whole number from 1 to 1024. Default: one for each processor. */
  readonly threads?: number;
  /**
   * For `native`: what activations are rounded to where they meet weights in bfloat16. `"bfloat16"`, the default, is what the
   * hardware multiplies fastest; `"float32"` does not round. Weights in float32 and float16 are never met by rounded ones.
   */
  readonly precision?: "bfloat16" | "float32";
  /**
   * For `native`: whether weights are mapped from their files, which must then stay as they are while a model is loaded, or
   * read into memory. Default true.
   */
  readonly mmap?: boolean;
  /**
   * For `wasm` in a browser: the URL of the folder that serves `tfjs-backend-wasm*.wasm` (copy them from
   * `@tensorflow/tfjs-backend-wasm/dist`), with a slash at its end. Default: the folder of the page. Node finds them itself.
   */
  readonly wasmPath?: string;
}

/** What an engine says of itself. */
export type Prepared = Pick<Engine, "backend" | "description" | "memoryLimit">;

/** How one engine is had: a file in `engines/` for each. */
export interface EngineSource {
  readonly name: EngineName;
  /** Whether the automatic choice may try it where this runs. */
  automatic(): boolean | Promise<boolean>;
  readonly howToGet: string;
  /**
   * Makes known to `ops` how the engine keeps weights and which kernels it has, without using it. Only where that is not known
   * from the start.
   *
   * @throws anything, where the engine does not work here
   */
  introduce?(): Promise<void>;
  /**
   * Loads the backend's package, makes it the backend in use, and says what was got. Runs again when the engine is chosen
   * again.
   *
   * @throws anything; the message is the reason why the engine is not available
   */
  prepare(options: EngineOptions): Promise<Prepared>;
}

/** Names of the engines: each is a TensorFlow.js backend. */
export type EngineName = "native" | "tensorflow" | "webgpu" | "wasm" | "cpu";

/** An engine in use. */
export interface Engine {
  /** Name for {@link useEngine}. */
  readonly name: EngineName;
  /** Name of the TensorFlow.js backend: the result of `tf.getBackend()`. */
  readonly backend: string;
  /** Description of the backend, such as `tfjs-backend-wasm 4.22.0, SIMD, 1 thread`. */
  readonly description: string;
  /** Limit on the bytes of tensors, with its reason; `null` if only the machine's memory limits it. */
  readonly memoryLimit: MemoryLimit | null;
  /** Engines that the automatic choice tried before this one, with reasons; empty for an engine chosen by name. */
  readonly passedOver: readonly PassedOver[];
}

/** An engine that the automatic choice tried. */
export interface PassedOver {
  /** The engine that does not work. */
  readonly name: EngineName;
  /** Reason why it does not work here. */
  readonly reason: string;
}

/** Memory limit of an engine or a machine. */
export interface MemoryLimit {
  /** Bytes of tensors. */
  readonly bytes: number;
  /** Reason for the limit, in words. */
  readonly why: string;
}

/** Status of an engine on this machine. */
export interface EngineStatus {
  /** Name for {@link useEngine}. */
  readonly name: EngineName;
  /** Whether it works here. */
  readonly available: boolean;
  /** The engine's description, or the reason why it is not available. */
  readonly detail: string;
  /** Package to install, or environment to run in, to get it. */
  readonly howToGet: string;
}

/** Options of the engines. An option of an engine that is not chosen has no effect. */
export interface EngineOptions {
  /**
   * For `native`: number of threads, the calling one included; a whole number from 1 to 1024. Default: one for each
   * processor.
   */
  readonly threads?: number;
  /**
   * For `native`: precision of activations in products with bfloat16 and quantised weights. `"bfloat16"`, the default,
   * rounds them, as the hardware multiplies that fastest: to bfloat16 for bfloat16 weights, and for quantised weights to 8
   * bits in blocks of 32 with a scale each (where the processor has AVX2 or more; else for fewer than 16 tokens at a time). `"float32"` does not
   * round. Products with float32 and float16 weights never round activations.
   */
  readonly precision?: "bfloat16" | "float32";
  /**
   * For `native`: whether weights are memory-mapped from their files, which must not change while a model is loaded, or
   * read into memory. Default: true.
   */
  readonly mmap?: boolean;
  /**
   * For `wasm` in a browser: the URL of the folder that serves `tfjs-backend-wasm*.wasm` (copy them from
   * `@tensorflow/tfjs-backend-wasm/dist`), with a trailing slash. Default: the folder of the page. Node finds them itself.
   */
  readonly wasmPath?: string;
}

/** An engine's description of itself. */
export type Prepared = Pick<Engine, "backend" | "description" | "memoryLimit">;

/** Source of one engine: a file in `engines/` for each. */
export interface EngineSource {
  readonly name: EngineName;
  /** Whether the automatic choice may try it in this environment. */
  automatic(): boolean | Promise<boolean>;
  readonly howToGet: string;
  /**
   * Registers with `ops` how the engine stores weights and which kernels it has, without activating it. Only for
   * engines that are not known from the start.
   *
   * @throws anything, if the engine does not work here
   */
  introduce?(): Promise<void>;
  /**
   * Loads the backend's package, makes it the current backend, and describes it. Runs again when the engine is chosen
   * again.
   *
   * @throws anything; the message is the reason why the engine is not available
   */
  prepare(options: EngineOptions): Promise<Prepared>;
}

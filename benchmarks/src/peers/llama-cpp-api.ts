/** The part of node-llama-cpp's interface that is used here. It is not a dependency: install it to race it. */

export interface NodeLlamaCpp {
  getLlama(options: { gpu: false; build: "never"; logLevel: "error"; maxThreads: number }): Promise<Llama>;
}

export interface Llama {
  /** Such as `CPU : AVX2 = 1 | AVX512_BF16 = 1`. */
  readonly systemInfo: string;
  readonly cpuMathCores: number;
  loadModel(options: { modelPath: string; gpuLayers: 0; useMmap: true; useMlock: false }): Promise<LlamaModel>;
}

export interface LlamaModel {
  readonly fileInfo: { readonly metadata: { readonly tokenizer: { readonly ggml: { readonly tokens: string[] } } } };
  createContext(options: {
    sequences?: number;
    /** Tokens of one sequence. */
    contextSize: number;
    threads: number;
    flashAttention: boolean | "auto";
  }): Promise<LlamaContext>;
}

export interface LlamaContext {
  getSequence(): LlamaSequence;
  dispose(): Promise<void>;
}

export interface LlamaSequence {
  clearHistory(): Promise<void>;
  /** Reads tokens, then generates endlessly. */
  evaluate(tokens: readonly number[], options: { temperature: 0; yieldEogToken: true }): AsyncGenerator<number, void>;
}

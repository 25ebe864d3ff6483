export declare const MAX_STEPS: number;
export declare function tinyRun(folder: string | undefined, tell: (line: string) => void): Promise<void>;

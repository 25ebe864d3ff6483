/** Files of a run beside the folders of its adapters. */
export const RUN_FILES: readonly string[] = ["checkpoint", "metrics.jsonl", "report.html", "run.json"];

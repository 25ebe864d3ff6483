/** A model that runners are raced on. A shape is one file beside this one, and a line in `shapes.ts`. */
export interface Shape {
  readonly name: string;
  /** One sentence for the page. */
  readonly description: string;
  /** The folder of its checkpoint in Hugging Face format. A shape whose weights are random writes them first. */
  prepare(): Promise<string>;
}

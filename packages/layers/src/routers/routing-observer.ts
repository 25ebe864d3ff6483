import type { TokenMask } from "../moe/token-mask.js";
import type { CapturedRouting, RoutingConstraint, TokenRouter } from "./routing.js";

/** A router that is about to route. */
export interface RoutingSite {
  /** Index of the decoder layer. */
  readonly layer: number;
  readonly router: TokenRouter;
  /** B */
  readonly rows: number;
  /** T: the tokens are B rows of T / B positions. */
  readonly tokens: number;
  /** Null if there is no padding. */
  readonly tokenMask: TokenMask | null;
}

/**
 * Observes and constrains the routers of a model: the option `routing` of `forward`, of generation and of training.
 * Each layer's router calls it once per forward pass.
 */
export interface RoutingObserver {
  /** Constrains the experts that a router may select; undefined leaves it free. */
  constrain?(site: RoutingSite): RoutingConstraint | undefined;
  /** Called with each routing. Its tensors are freed afterwards: `tf.keep` a clone, or read them immediately. */
  observe?(routing: CapturedRouting): void;
}

/** Layers that an observer applies to. */
export interface LayerChoice {
  /** Indices of decoder layers. Default: all. */
  readonly layers?: readonly number[];
}

/** Prevents tokens from going to some experts. */
export function banExperts(experts: readonly number[], options: LayerChoice = {}): RoutingObserver {
  return inLayers(options, { ban: experts });
}

/** Sends every token to some experts, in its first slots; the router selects the rest. */
export function forceExperts(experts: readonly number[], options: LayerChoice = {}): RoutingObserver {
  return inLayers(options, { force: experts });
}

/** Combines observers: bans and forced experts of all of them, and the replay of the first that has one. */
export function combineObservers(observers: readonly RoutingObserver[]): RoutingObserver {
  return {
    constrain(site) {
      const all = observers.flatMap((observer) => observer.constrain?.(site) ?? []);
      if (all.length < 2) return all[0];
      const indices = all.find((one) => one.indices)?.indices;
      const union = (key: "ban" | "force"): number[] => [...new Set(all.flatMap((one) => one[key] ?? []))];
      return { ...(indices && { indices }), ban: union("ban"), force: union("force") };
    },
    observe(routing) {
      for (const observer of observers) observer.observe?.(routing);
    },
  };
}

function inLayers({ layers }: LayerChoice, constraint: RoutingConstraint): RoutingObserver {
  return { constrain: ({ layer }) => (!layers || layers.includes(layer) ? constraint : undefined) };
}

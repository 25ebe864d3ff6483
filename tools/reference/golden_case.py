"""What a model case is: a configuration, inputs, and what has to matter for the case to be worth keeping."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Case:
    """One tiny checkpoint with inputs and expected outputs."""

    family: str
    name: str
    purpose: str
    config: dict
    # Real tokens per row; unequal rows are padded on the side `pad`.
    lengths: tuple[int, ...] = (10, 10)
    pad: str | None = None
    # Explicit position ids, one list per row; None leaves them to the model.
    positions: list[list[int]] | None = None
    attentions: bool = False
    # Prompt lengths for 64 greedy tokens, left-padded where unequal; None for no greedy run.
    greedy: tuple[int, ...] | None = (5, 5)
    # Changes of the configuration, each of which must move the logits: name -> overrides.
    matters: dict[str, dict] = field(default_factory=dict)
    # Parameters (by the end of their names) whose absence must move the logits.
    matters_weights: tuple[str, ...] = ()
    # Attributes of modules, by the end of the modules' names, each of which must move the logits where it has another value.
    matters_modules: dict[str, tuple[str, str, object]] = field(default_factory=dict)
    # Changes of the configuration that must not move a single logit.
    indifferent: dict[str, dict] = field(default_factory=dict)
    # The layers that have experts; None where that is not what the case is about.
    expert_layers: tuple[int, ...] | None = None
    # dtype of the stored weights; the expected outputs are float32 in any case.
    dtype: str = "float32"
    # Store the same weights once more in each of these ways: `fused`, in the reference's names, and `sharded`.
    spellings: tuple[str, ...] = ()
    # Mean and standard deviation of tensors, by the end of their names, where they are not those of `golden_weights`.
    weights: dict[str, tuple[float, float]] = field(default_factory=dict)
    # How far the last bits of the weights may move an output.
    rounding: float = 6e-5
    # Tensors in the checkpoint that the model does not have: name -> shape.
    extra_tensors: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def directory(self) -> str:
        return f"{self.family}/{self.name}"

"""Cases of models with a head of classification, regression or question answering."""

from dataclasses import dataclass

from golden_base import DEFAULT_ROPE

COMMON = dict(
    vocab_size=31,
    hidden_size=12,
    num_attention_heads=2,
    num_key_value_heads=1,
    num_hidden_layers=2,
    num_experts_per_tok=2,
    max_position_embeddings=64,
    bos_token_id=None,
    eos_token_id=None,
    rope_parameters=DEFAULT_ROPE,
)
BASES = {
    "mixtral": {**COMMON, "intermediate_size": 5, "num_local_experts": 3},
    "qwen3-moe": {**COMMON, "intermediate_size": 10, "moe_intermediate_size": 5, "head_dim": 8, "num_experts": 3},
    "afmoe": {
        **COMMON,
        "intermediate_size": 10,
        "moe_intermediate_size": 5,
        "head_dim": 8,
        "num_experts": 3,
        "num_dense_layers": 1,
        "num_shared_experts": 1,
        "layer_types": ["sliding_attention", "full_attention"],
        "sliding_window": 5,
        "route_scale": 2.0,
        "mup_enabled": True,
    },
}
PAD = 3


@dataclass(frozen=True)
class HeadCase:
    """One tiny checkpoint with a head, with inputs and expected outputs."""

    family: str
    name: str
    purpose: str
    # The end of the class's name.
    head: str
    config: dict
    # `classes` [B], `numbers` [B] or [B, labels], `flags` [B, labels], `tokens` [B, T] or `spans` (two of [B]).
    labels: str
    # Real tokens per row; unequal rows are padded on the side `pad`.
    lengths: tuple[int, ...] = (9, 6, 4)
    pad: str | None = "left"
    # Where the padding token stands in a text: row and slot.
    padding_in_text: tuple[tuple[int, int], ...] = ()

    @property
    def directory(self) -> str:
        return f"{self.family}/{self.name}"


def _cases(family: str) -> list[HeadCase]:
    def case(name: str, purpose: str, head: str, labels: str, changes: dict, **rest) -> HeadCase:
        return HeadCase(family, name, purpose, head, {**BASES[family], "pad_token_id": PAD, **changes}, labels, **rest)

    def sequence(name: str, purpose: str, labels: str, changes: dict, **rest) -> HeadCase:
        return case(f"sequence-{name}", purpose, "ForSequenceClassification", labels, changes, **rest)

    return [
        sequence(
            "single-label",
            "One of three classes; rows padded on the left.",
            "classes",
            dict(num_labels=3, problem_type="single_label_classification"),
        ),
        sequence(
            "right-padded",
            "One of four classes, the kind of problem left to the labels; rows padded on the right, with the padding token "
            "inside one text and at the end of another, which is pooled a token earlier.",
            "classes",
            dict(num_labels=4),
            pad="right",
            padding_in_text=((0, 4), (1, 5)),
        ),
        sequence(
            "regression",
            "A number for each text, the kind of problem left to the single label; rows padded on the left.",
            "numbers",
            dict(num_labels=1),
        ),
        sequence(
            "regression-several",
            "Two numbers for each text; rows padded on the right.",
            "numbers",
            dict(num_labels=2, problem_type="regression"),
            pad="right",
        ),
        sequence(
            "multi-label",
            "Any of three labels for each text; rows padded on the left.",
            "flags",
            dict(num_labels=3, problem_type="multi_label_classification"),
        ),
        sequence(
            "no-padding-token",
            "No padding token, hence a single row, of which the last token is pooled; any of two labels, the kind of problem "
            "left to the labels.",
            "flags",
            dict(num_labels=2, pad_token_id=None),
            lengths=(7,),
            pad=None,
        ),
        case(
            "tokens",
            "One of five classes for each token, of which some are ignored; rows padded on the left.",
            "ForTokenClassification",
            "tokens",
            dict(num_labels=5),
        ),
        case(
            "questions",
            "Start and end of an answer; one start beyond the text, which does not count, one end before it, which is taken for "
            "the first token; rows padded on the right.",
            "ForQuestionAnswering",
            "spans",
            {},
            pad="right",
        ),
    ]


CASES = [case for family in BASES for case in _cases(family)]

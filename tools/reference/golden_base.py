"""What the tiny configurations of all families share, and the RoPE parameters that several of them use."""

# No end-of-sequence id: greedy runs give all their 64 tokens.
COMMON = dict(
    vocab_size=97,
    hidden_size=32,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=128,
    bos_token_id=None,
    eos_token_id=None,
    pad_token_id=None,
)
DEFAULT_ROPE = {"rope_type": "default", "rope_theta": 10000.0}
LINEAR = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.5}
DYNAMIC = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 3.0}
YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64}
# mscale and mscale_all_dim differ, so that their quotient is not 1; the correction range is not rounded.
YARN_MSCALE = {
    **YARN,
    "mscale": 1.0,
    "mscale_all_dim": 0.4,
    "beta_fast": 4.0,
    "beta_slow": 0.5,
    "truncate": False,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}


def longrope(original: int) -> dict:
    """LongRoPE for a head of 16: eight factors for each regime."""
    return {
        "rope_type": "longrope",
        "rope_theta": 10000.0,
        "original_max_position_embeddings": original,
        "short_factor": [1.0, 1.05, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0],
        "long_factor": [1.1, 1.4, 1.9, 2.6, 3.4, 4.2, 5.1, 6.0],
    }


# Positions that skip, repeat and run backwards, for two rows of eight.
POSITIONS = [[0, 1, 2, 5, 6, 9, 20, 21], [7, 6, 5, 4, 3, 3, 1, 0]]

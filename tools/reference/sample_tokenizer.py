"""The byte-level BPE tokenizer of the sample model, trained on the training documents alone."""

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from sample_corpus import REGISTERS

VOCAB_SIZE = 4096
END_OF_TEXT = "<|endoftext|>"
CHAT_MARKS = ("<|im_start|>", "<|im_end|>")

# Renders messages as ChatML. It exists so that a prompt can be rendered; the model has seen no chat.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def register_token(register: str) -> str:
    return f"<|{register}|>"


def train_tokenizer(documents: Iterable[str], max_length: int) -> PreTrainedTokenizerFast:
    """GPT-2's pre-tokenisation, 256 bytes as the base alphabet, merges up to `VOCAB_SIZE`."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=[END_OF_TEXT, *CHAT_MARKS, *map(register_token, REGISTERS)],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(documents, trainer=trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        pad_token=END_OF_TEXT,
        additional_special_tokens=[*CHAT_MARKS, *map(register_token, REGISTERS)],
        model_max_length=max_length,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer

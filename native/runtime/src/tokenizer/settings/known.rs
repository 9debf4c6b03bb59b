//! The settings that tokenizer files are known to have.

/// What becomes of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Applied,
    /// It changes no id of a text, or `transformers` reads it in no way that does: why.
    None(&'static str),
}

const BACK_TO_TEXT: Effect = Effect::None("it is about turning ids back into text");
const CALLS: Effect = Effect::None("calls say it for themselves");
const FILES: Effect = Effect::None("it says where something came from");
const NOT_READ: Effect = Effect::None("fast tokenizers do not read it");
const OFFSETS: Effect = Effect::None("it is about offsets");
const OTHERS_VOCABULARY: Effect = Effect::None("`tokenizer.json` is read; refused where it is not");
const PADDING: Effect = Effect::None("texts are not padded");
const PROGRAM: Effect = Effect::None("it is about the program that loads it");

/// Settings of `tokenizer_config.json` beside special tokens and class settings.
const TOKENIZER_CONFIG: [(&str, Effect); 69] = [
    ("__class__", PROGRAM),
    ("_commit_hash", FILES),
    ("add_bos_token", NOT_READ),
    ("add_eos_token", NOT_READ),
    ("add_prefix_space", Effect::Applied),
    ("added_tokens_decoder", Effect::Applied),
    ("added_tokens_file", FILES),
    ("additional_special_tokens", Effect::Applied),
    ("auto_map", Effect::None("code of a repository is never run")),
    ("backend", PROGRAM),
    ("cache_dir", PROGRAM),
    ("chat_template", CALLS),
    ("clean_text", NOT_READ),
    ("clean_up_tokenization_spaces", BACK_TO_TEXT),
    ("decoder", BACK_TO_TEXT),
    ("device_map", PROGRAM),
    ("do_basic_tokenize", NOT_READ),
    ("do_lower_case", Effect::Applied),
    ("errors", BACK_TO_TEXT),
    ("extra_special_tokens", Effect::Applied),
    ("from_slow", PROGRAM),
    ("full_tokenizer_file", FILES),
    ("init_inputs", PROGRAM),
    ("is_local", FILES),
    ("keep_accents", NOT_READ),
    ("legacy", NOT_READ),
    ("local_files_only", PROGRAM),
    ("max_len", Effect::Applied),
    ("max_length", CALLS),
    ("max_seq_length", NOT_READ),
    ("merges_file", OTHERS_VOCABULARY),
    ("model_input_names", Effect::None("models say which inputs they take")),
    ("model_max_length", Effect::Applied),
    ("model_type", PROGRAM),
    ("name_or_path", FILES),
    ("never_split", NOT_READ),
    ("pad_to_multiple_of", PADDING),
    ("pad_token_id", NOT_READ),
    ("pad_token_type_id", PADDING),
    ("padding", PADDING),
    ("padding_side", PADDING),
    ("processor_class", PROGRAM),
    ("remove_space", NOT_READ),
    ("return_tensors", CALLS),
    ("revision", FILES),
    ("sentencepiece_model_file", FILES),
    ("sep_token_extra", NOT_READ),
    ("sp_model_kwargs", NOT_READ),
    ("spaces_between_special_tokens", BACK_TO_TEXT),
    ("special_tokens_map_file", FILES),
    ("split_by_punct", NOT_READ),
    ("split_special_tokens", Effect::Applied),
    ("stride", CALLS),
    ("strip_accents", Effect::Applied),
    ("token", PROGRAM),
    ("tokenize_chinese_chars", Effect::Applied),
    ("tokenizer_class", Effect::Applied),
    ("tokenizer_file", Effect::Applied),
    ("tokenizer_type", PROGRAM),
    ("transformers_version", PROGRAM),
    ("trim_offsets", OFFSETS),
    ("truncation", CALLS),
    ("truncation_side", Effect::Applied),
    ("truncation_strategy", CALLS),
    ("trust_remote_code", PROGRAM),
    ("use_auth_token", PROGRAM),
    ("use_fast", PROGRAM),
    ("vocab_file", OTHERS_VOCABULARY),
    ("vocab_size", NOT_READ),
];

/// What is known of a setting of `tokenizer_config.json`; `None` for one that might change ids.
pub fn in_tokenizer_config(name: &str) -> Option<Effect> {
    let known = TOKENIZER_CONFIG.iter().find(|(known, _)| *known == name).map(|&(_, effect)| effect);
    let is_token_id = name.ends_with("_token_id");
    known.or_else(|| is_token_id.then_some(NOT_READ))
}

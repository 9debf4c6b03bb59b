//! What a model reads of a text.

use std::sync::Arc;

/// Equal contents are one computation for a model. Cheap to clone.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub enum Content {
    /// The text itself, for models that read strings.
    Text(Arc<str>),
    /// Token ids as the model reads them: special tokens included, cut to its length.
    Tokens(Arc<[u32]>),
}

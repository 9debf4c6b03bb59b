//! Who is let in.

use super::InferError;

/// What a request asks for.
#[derive(Clone, Copy, Debug)]
pub struct Demand {
    pub texts: usize,
}

/// Counts texts from the acceptance of their request to its answer; beyond the capacity they are refused.
pub struct Admission {
    capacity: usize,
    open: usize,
}

impl Admission {
    pub fn new(capacity: usize) -> Self {
        Self { capacity, open: 0 }
    }

    /// Takes the places of a request, all or none.
    ///
    /// # Errors
    /// [`InferError::TooManyTexts`] where waiting would not help, [`InferError::QueueFull`] where it would.
    pub fn admit(&mut self, Demand { texts }: Demand) -> Result<(), InferError> {
        let capacity = self.capacity;
        if texts > capacity {
            return Err(InferError::TooManyTexts { texts, capacity });
        }
        if self.open + texts > capacity {
            return Err(InferError::QueueFull { capacity });
        }
        self.open += texts;
        Ok(())
    }

    /// Gives the places of a request back.
    pub fn leave(&mut self, Demand { texts }: Demand) {
        self.open -= texts;
    }

    /// Texts that are accepted and not yet answered.
    pub fn open(&self) -> usize {
        self.open
    }
}

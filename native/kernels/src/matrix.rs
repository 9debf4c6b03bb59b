//! Views of row-major f32 matrices: one to read, and one to write that can be split by columns.
//!
//! Slices split a matrix by rows only; threads that share one linear operator write different columns of
//! the same rows.

use std::{marker::PhantomData, ops::Range};

/// Rows of f32 values, `stride` values apart, of which this view shows some columns.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    values: &'a [f32],
    first_column: usize,
    columns: usize,
    stride: usize,
}

impl<'a> Matrix<'a> {
    /// The whole of `values` as rows of `columns` values.
    ///
    /// # Panics
    /// If `columns` is zero or does not divide the length.
    pub fn new(values: &'a [f32], columns: usize) -> Self {
        assert!(columns > 0 && values.len().is_multiple_of(columns), "{} values, {columns} columns", values.len());
        Self { values, first_column: 0, columns, stride: columns }
    }

    /// The same rows with some of the columns, such as the keys in a fused result of queries, keys and values.
    ///
    /// # Panics
    /// If there are fewer columns.
    #[must_use]
    pub fn with_columns(self, columns: Range<usize>) -> Self {
        assert!(columns.start <= columns.end && columns.end <= self.columns, "columns {columns:?} of {}", self.columns);
        Self { first_column: self.first_column + columns.start, columns: columns.len(), ..self }
    }

    pub fn rows(&self) -> usize {
        self.values.len() / self.stride
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Everything from a cell on: its row, then what lies between, then the next row, and so on.
    ///
    /// # Panics
    /// If there is no such cell.
    pub fn values_from(&self, row: usize, column: usize) -> &'a [f32] {
        assert!(column < self.columns, "column {column} of {}", self.columns);
        &self.values[row * self.stride + self.first_column + column..]
    }
}

/// Rows of f32 values, `stride` values apart, of which this view owns some columns.
#[derive(Debug)]
pub struct MatrixMut<'a> {
    start: *mut f32,
    rows: usize,
    columns: usize,
    stride: usize,
    lifetime: PhantomData<&'a mut [f32]>,
}

// SAFETY: a view is the only one that reaches its cells, like `&mut [f32]`.
unsafe impl Send for MatrixMut<'_> {}

impl<'a> MatrixMut<'a> {
    /// The whole of `values` as rows of `columns` values.
    ///
    /// # Panics
    /// If `columns` is zero or does not divide the length.
    pub fn new(values: &'a mut [f32], columns: usize) -> Self {
        assert!(columns > 0 && values.len().is_multiple_of(columns), "{} values, {columns} columns", values.len());
        let rows = values.len() / columns;
        Self { start: values.as_mut_ptr(), rows, columns, stride: columns, lifetime: PhantomData }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The columns before `column`, and those from it on.
    ///
    /// # Panics
    /// If there are fewer columns.
    pub fn split_at_column(self, column: usize) -> (Self, Self) {
        assert!(column <= self.columns, "column {column} of {}", self.columns);
        // An empty half may start behind the last cell; it is never read, and the pointer never used.
        let right = self.start.wrapping_add(column);
        let left = Self { columns: column, ..self };
        (left, Self { start: right, columns: self.columns - column, ..self })
    }

    /// The columns of each range, which must follow one another, so that threads can share the work.
    ///
    /// # Panics
    /// If there are fewer columns.
    pub fn split_columns(self, ranges: impl IntoIterator<Item = Range<usize>>) -> Vec<(Range<usize>, Self)> {
        let mut rest = self;
        let mut views = Vec::new();
        for range in ranges {
            let (view, right) = rest.split_at_column(range.len());
            views.push((range, view));
            rest = right;
        }
        views
    }

    /// Some rows and columns, for as long as this view is not used itself.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn block(&mut self, rows: Range<usize>, columns: Range<usize>) -> MatrixMut<'_> {
        assert!(rows.start <= rows.end && rows.end <= self.rows, "rows {rows:?} of {}", self.rows);
        assert!(columns.start <= columns.end && columns.end <= self.columns, "columns {columns:?} of {}", self.columns);
        // An empty block may start behind the last cell; it is never read, and the pointer never used.
        let start = self.start.wrapping_add(rows.start * self.stride + columns.start);
        Self { start, rows: rows.len(), columns: columns.len(), ..*self }
    }

    /// One row's columns of this view.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline]
    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        if self.columns == 0 {
            return &mut [];
        }
        // SAFETY: the cells lie within the slice given to `new`, which is borrowed for 'a; no other view
        // holds these columns, since views are made by splitting one that is consumed.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(row * self.stride), self.columns) }
    }
}

#[cfg(test)]
mod tests {
    use super::MatrixMut;

    #[test]
    fn column_views_reach_their_own_cells_only() {
        let mut values = vec![0.0; 3 * 5];
        let (mut left, right) = MatrixMut::new(&mut values, 5).split_at_column(2);
        let (mut middle, mut none) = right.split_at_column(3);
        for row in 0..3 {
            left.row_mut(row).fill(1.0);
            middle.row_mut(row).fill(2.0);
            assert!(none.row_mut(row).is_empty());
        }
        assert_eq!(values, [1.0, 1.0, 2.0, 2.0, 2.0].repeat(3));
    }
}

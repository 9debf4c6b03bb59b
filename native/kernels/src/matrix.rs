//! Views of row-major matrices: one to read, and one to write that can be split by columns.
//!
//! Slices split a matrix by rows only; threads that share one linear operator write different columns of
//! the same rows.

use std::{marker::PhantomData, ops::Range};

/// Rows of values, `stride` values apart, of which this view shows some columns.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a, E = f32> {
    values: &'a [E],
    first_column: usize,
    columns: usize,
    stride: usize,
}

impl<'a, E> Matrix<'a, E> {
    /// The whole of `values` as rows of `columns` values.
    ///
    /// # Panics
    /// If `columns` is zero or does not divide the length.
    pub fn new(values: &'a [E], columns: usize) -> Self {
        Self::with_stride(values, columns, columns)
    }

    /// The first `columns` of every `stride` values.
    ///
    /// # Panics
    /// If `columns` is zero or more than `stride`, or `stride` does not divide the length.
    pub fn with_stride(values: &'a [E], columns: usize, stride: usize) -> Self {
        check(values.len(), columns, stride);
        Self { values, first_column: 0, columns, stride }
    }

    /// Some of the rows.
    ///
    /// # Panics
    /// If there are fewer.
    #[must_use]
    pub fn with_rows(self, rows: Range<usize>) -> Self {
        Self { values: &self.values[rows.start * self.stride..rows.end * self.stride], ..self }
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

    /// All rows, one after the other.
    pub fn to_vec(&self) -> Vec<E>
    where
        E: Copy,
    {
        (0..self.rows()).flat_map(|row| self.row(row)).copied().collect()
    }

    /// Everything from a cell on: its row, then what lies between, then the next row, and so on.
    ///
    /// # Panics
    /// If there is no such cell.
    pub fn values_from(&self, row: usize, column: usize) -> &'a [E] {
        assert!(column < self.columns, "column {column} of {}", self.columns);
        &self.values[row * self.stride + self.first_column + column..]
    }

    /// One row's columns of this view.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline]
    pub fn row(&self, row: usize) -> &'a [E] {
        &self.values[row * self.stride + self.first_column..][..self.columns]
    }
}

/// Rows of values, `stride` values apart, of which this view owns some columns.
#[derive(Debug)]
pub struct MatrixMut<'a, E = f32> {
    start: *mut E,
    rows: usize,
    columns: usize,
    stride: usize,
    lifetime: PhantomData<&'a mut [E]>,
}

// SAFETY: a view is the only one that reaches its cells, like `&mut [E]`.
unsafe impl<E: Send> Send for MatrixMut<'_, E> {}

impl<'a, E> MatrixMut<'a, E> {
    /// The whole of `values` as rows of `columns` values.
    ///
    /// # Panics
    /// If `columns` is zero or does not divide the length.
    pub fn new(values: &'a mut [E], columns: usize) -> Self {
        Self::with_stride(values, columns, columns)
    }

    /// The first `columns` of every `stride` values.
    ///
    /// # Panics
    /// If `columns` is zero or more than `stride`, or `stride` does not divide the length.
    pub fn with_stride(values: &'a mut [E], columns: usize, stride: usize) -> Self {
        check(values.len(), columns, stride);
        let rows = values.len() / stride;
        Self { start: values.as_mut_ptr(), rows, columns, stride, lifetime: PhantomData }
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

    /// The rows of each range, which must follow one another.
    ///
    /// # Panics
    /// If there are fewer rows.
    pub fn split_rows(self, ranges: impl IntoIterator<Item = Range<usize>>) -> Vec<(Range<usize>, Self)> {
        let mut next = 0;
        let mut view = |range: Range<usize>| {
            assert!(next <= range.start && range.start <= range.end && range.end <= self.rows, "rows {range:?}");
            next = range.end;
            // An empty view may start behind the last cell; it is never read, and the pointer never used.
            let start = self.start.wrapping_add(range.start * self.stride);
            (range.clone(), Self { start, rows: range.len(), ..self })
        };
        ranges.into_iter().map(&mut view).collect()
    }

    /// Some rows and columns, for as long as this view is not used itself.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn block(&mut self, rows: Range<usize>, columns: Range<usize>) -> MatrixMut<'_, E> {
        assert!(rows.start <= rows.end && rows.end <= self.rows, "rows {rows:?} of {}", self.rows);
        assert!(columns.start <= columns.end && columns.end <= self.columns, "columns {columns:?} of {}", self.columns);
        // An empty block may start behind the last cell; it is never read, and the pointer never used.
        let start = self.start.wrapping_add(rows.start * self.stride + columns.start);
        MatrixMut { start, rows: rows.len(), columns: columns.len(), ..*self }
    }

    /// One row's columns of this view.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline]
    pub fn row_mut(&mut self, row: usize) -> &mut [E] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        if self.columns == 0 {
            return &mut [];
        }
        // SAFETY: the cells lie within the slice given to `new`, which is borrowed for 'a; no other view
        // holds these columns, since views are made by splitting one that is consumed.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(row * self.stride), self.columns) }
    }
}

fn check(length: usize, columns: usize, stride: usize) {
    let fits = columns > 0 && columns <= stride && length.is_multiple_of(stride);
    assert!(fits, "{length} values, {columns} columns, {stride} apart");
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

    #[test]
    fn row_views_reach_their_own_cells_only() {
        let mut values = vec![0.0; 4 * 3];
        for (rows, mut view) in MatrixMut::with_stride(&mut values, 2, 3).split_rows([0..1, 1..1, 1..4]) {
            (0..rows.len()).for_each(|row| view.row_mut(row).fill(rows.end as f32));
        }
        assert_eq!(values, [1.0, 1.0, 0.0, 4.0, 4.0, 0.0, 4.0, 4.0, 0.0, 4.0, 4.0, 0.0]);
    }
}

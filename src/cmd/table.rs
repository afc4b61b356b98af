//! Tables for people: columns as wide as their widest cell, two spaces between them.

use super::call::Out;

/// A table as it is filled.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// One with these headings.
    pub fn new(headings: &[&str]) -> Self {
        let heading = headings.iter().map(|&text| text.to_owned()).collect();
        Self {
            rows: vec![heading],
        }
    }

    /// Adds a row; cells that are missing are empty.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Prints it, headings first. No line ends in spaces.
    pub fn print(&self, out: &mut Out) {
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in &self.rows {
            let mut line = String::new();
            for (width, cell) in widths.iter().zip(row) {
                line.push_str(cell);
                let pad = width - cell.chars().count() + 2;
                line.extend(std::iter::repeat_n(' ', pad));
            }
            out.bytes(line.trim_end().as_bytes());
            out.bytes(b"\n");
        }
    }
}

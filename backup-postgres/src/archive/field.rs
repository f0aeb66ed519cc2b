//! The primitives of the format, read across the borders of the pieces in which they arrive.

use super::{budget::Budget, walk::Flaw};

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One byte.
    Byte,
    /// Sign byte and 32-bit magnitude.
    Int,
    /// A string that is kept.
    Name,
    /// A string that is kept if the limits allow it.
    Statement,
    /// A string of which only the length matters.
    Skipped,
    /// State byte and 64-bit position.
    Offset,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A byte, or the state byte of an offset.
    Byte(u8),
    /// An integer.
    Int(i64),
    /// A string that was kept; `None` is the archive's NULL.
    Name(Option<Vec<u8>>),
    /// The length of a string that was not kept.
    Skipped(Option<u32>),
}

#[derive(Debug)]
struct Text {
    length: u32,
    left: u32,
    kept: Option<Vec<u8>>,
}

/// Reads one field at a time; holds what has arrived of it.
#[derive(Debug, Default)]
pub(super) struct FieldReader {
    head: [u8; 9],
    have: usize,
    text: Option<Text>,
}

impl FieldReader {
    /// Takes bytes off `input` until the field is complete; `None` asks for more input.
    pub(super) fn read(&mut self, shape: Shape, input: &mut &[u8], budget: &mut Budget) -> Result<Option<Value>, Flaw> {
        if self.text.is_none() {
            let Some(head) = self.head(shape, input) else {
                return Ok(None);
            };
            match shape {
                Shape::Byte | Shape::Offset => return Ok(Some(Value::Byte(head[0]))),
                Shape::Int => return Ok(Some(Value::Int(int(head)?))),
                Shape::Name | Shape::Statement | Shape::Skipped => self.text = text(int(head)?, shape, budget)?,
            }
            if self.text.is_none() {
                return Ok(Some(null(shape)));
            }
        }
        Ok(self.text(input))
    }

    fn head(&mut self, shape: Shape, input: &mut &[u8]) -> Option<[u8; 9]> {
        let size = match shape {
            Shape::Byte => 1,
            Shape::Offset => 9,
            Shape::Int | Shape::Name | Shape::Statement | Shape::Skipped => 5,
        };
        let count = (size - self.have).min(input.len());
        let (now, later) = input.split_at(count);
        self.head[self.have..self.have + count].copy_from_slice(now);
        self.have += count;
        *input = later;
        if self.have < size {
            return None;
        }
        self.have = 0;
        Some(self.head)
    }

    fn text(&mut self, input: &mut &[u8]) -> Option<Value> {
        let text = self.text.as_mut()?;
        let count = input.len().min(text.left as usize);
        let (now, later) = input.split_at(count);
        if let Some(kept) = &mut text.kept {
            kept.extend_from_slice(now);
        }
        *input = later;
        text.left -= u32::try_from(count).unwrap_or(text.left);
        if text.left > 0 {
            return None;
        }
        let length = text.length;
        let kept = self.text.take()?.kept;
        Some(kept.map_or(Value::Skipped(Some(length)), |kept| Value::Name(Some(kept))))
    }
}

fn null(shape: Shape) -> Value {
    if shape == Shape::Name {
        Value::Name(None)
    } else {
        Value::Skipped(None)
    }
}

fn text(length: i64, shape: Shape, budget: &mut Budget) -> Result<Option<Text>, Flaw> {
    if length == -1 {
        return Ok(None);
    }
    let length = u32::try_from(length).map_err(|_| Flaw("a string has a negative length"))?;
    let wanted = match shape {
        Shape::Name => true,
        Shape::Statement => budget.allows(length as usize),
        _ => false,
    };
    let kept = if wanted {
        budget.take_name(length as usize)?;
        Some(Vec::with_capacity(length as usize))
    } else {
        None
    };
    Ok(Some(Text {
        length,
        left: length,
        kept,
    }))
}

/// Sign byte (0 or 1) and little-endian magnitude, as `ReadInt` has it.
pub(super) fn int(head: [u8; 9]) -> Result<i64, Flaw> {
    let magnitude = i64::from(u32::from_le_bytes([head[1], head[2], head[3], head[4]]));
    match head[0] {
        0 => Ok(magnitude),
        1 => Ok(-magnitude),
        _ => Err(Flaw("an integer has neither of the two signs")),
    }
}

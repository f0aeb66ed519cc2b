//! The terminal under the progress bars.

use indicatif::TermLike;
use std::{
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

/// Columns and lines of a terminal that does not say.
const USUAL_SIZE: (u16, u16) = (80, 24);

/// stderr as a terminal that may be closed at any time: from then on, what is drawn goes nowhere. `indicatif`'s own gives errors, and panics of them.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    /// One picture is written at once, so that it does not flicker.
    drawn: Mutex<Vec<u8>>,
}

impl Screen {
    fn draw(&self, text: &str) {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        drawn.extend_from_slice(text.as_bytes());
    }

    /// ECMA-48: an absent number would mean 1.
    fn move_cursor(&self, n: usize, direction: char) -> io::Result<()> {
        if n > 0 {
            self.draw(&format!("\x1b[{n}{direction}"));
        }
        Ok(())
    }
}

fn size() -> (u16, u16) {
    match rustix::termios::tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
        _ => USUAL_SIZE,
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        size().0
    }

    fn height(&self) -> u16 {
        size().1
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.draw(text);
        self.draw("\n");
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.draw(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.draw("\r\x1b[2K");
        Ok(())
    }

    #[expect(
        clippy::let_underscore_must_use,
        reason = "a picture that nobody can see must not stop a backup"
    )]
    fn flush(&self) -> io::Result<()> {
        let drawn = std::mem::take(&mut *self.drawn.lock().unwrap_or_else(PoisonError::into_inner));
        let _ = io::stderr().lock().write_all(&drawn);
        Ok(())
    }
}

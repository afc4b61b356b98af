//! Keeps the kernel's messages off the line while somebody types: the console log level is lowered
//! for as long as a [`Quiet`] lives. Only for a machine of our own; a desk's kernel is left alone.
//! `dmesg` has everything that was not shown.

use std::fs;

const FILE: &str = "/proc/sys/kernel/printk";

/// What is still shown: emergencies, alerts and critical conditions.
const LEVEL: u32 = 3;

/// The level is low while this lives.
pub struct Quiet {
    before: Option<u32>,
}

impl Quiet {
    /// Lowers it, unless it is low already.
    pub fn new() -> Self {
        let text = fs::read_to_string(FILE).unwrap_or_default();
        let before = level_to_restore(&text);
        if before.is_some() {
            // Read-only /proc: then the messages come.
            let _ = fs::write(FILE, LEVEL.to_string());
        }
        Self { before }
    }
}

impl Default for Quiet {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some(level) = self.before {
            let _ = fs::write(FILE, level.to_string());
        }
    }
}

/// After a shell died at its prompt, puts back the level that the kernel was started with.
pub fn forget_earlier_shell() {
    let text = fs::read_to_string(FILE).unwrap_or_default();
    let levels: Vec<u32> = text.split_whitespace().flat_map(str::parse).collect();
    if let [LEVEL, _, _, first] = levels[..] {
        let _ = fs::write(FILE, first.to_string());
    }
}

/// The first of the four numbers of proc_sys_kernel(5) `printk`, if it is above ours.
fn level_to_restore(text: &str) -> Option<u32> {
    let level = text.split_whitespace().next()?.parse().ok()?;
    (level > LEVEL).then_some(level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_higher_level_is_lowered() {
        assert_eq!(level_to_restore("7\t4\t1\t7\n"), Some(7));
        assert_eq!(level_to_restore("1\t4\t1\t7\n"), None);
        assert_eq!(level_to_restore(""), None);
    }
}

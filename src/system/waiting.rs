//! Waiting for something to become true, with a limit. Invariant: never longer than asked, never deaf to
//! Ctrl-C.

use std::time::Duration;

use crate::failure::Failure;
use crate::sys::signal::sleep_until;
use crate::time::Instant;

/// The longest time between two looks.
const SLOWEST: Duration = Duration::from_millis(20);

/// Looks again and again, at first after a millisecond, then more slowly, until `look` says `Ok(None)`.
/// What it says else is how things stand. `limit`: how long, at most.
///
/// Returns how things stood at the end; `None` if it became true. Errors: those of `look`; Ctrl-C.
pub fn until(
    limit: Duration,
    look: &mut dyn FnMut() -> Result<Option<String>, Failure>,
) -> Result<Option<String>, Failure> {
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    loop {
        let Some(state) = look()? else {
            return Ok(None);
        };
        let now = Instant::now();
        if now >= deadline {
            return Ok(Some(state));
        }
        sleep_until(Some((now + pause).min(deadline)))?;
        pause = (pause * 2).min(SLOWEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_when_true_or_when_the_time_is_over() {
        let mut looks = 0;
        let mut third = || {
            looks += 1;
            Ok((looks < 3).then(|| format!("look {looks}")))
        };
        assert_eq!(until(Duration::from_secs(9), &mut third), Ok(None));
        let start = Instant::now();
        let never = until(Duration::from_millis(30), &mut || {
            Ok(Some("not yet".into()))
        });
        assert_eq!(never, Ok(Some("not yet".into())));
        assert!(Instant::now().since(start) >= Duration::from_millis(30));
        let mut once = 0;
        let zero = until(Duration::ZERO, &mut || {
            once += 1;
            Ok(Some(String::new()))
        });
        assert_eq!((zero, once), (Ok(Some(String::new())), 1));
    }
}

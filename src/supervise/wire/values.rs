//! How values become bytes and come back: numbers, strings, lists, and by [`wire_struct`] and
//! [`wire_enum`] whatever is made of them. Invariant: a value has one spelling; every other is refused.

use std::ffi::{CString, OsStr, OsString};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::Pid;

use super::{Malformed, Reader, Writer};
use crate::sys::child::Exit;
use crate::sys::inherited;
use crate::time::Instant;

/// A value that can be part of a message.
pub trait Wire: Sized {
    /// Appends it.
    fn write(&self, to: &mut Writer);

    /// Takes it from the front of what is left.
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed>;
}

/// Every field of a struct, in this order. Those behind `;` are not written and have the given value
/// when it is read.
macro_rules! wire_struct {
    ($type:ty { $($field:ident),+ $(,)? $(; $($new:ident = $value:expr),+ $(,)?)? }) => {
        impl $crate::supervise::wire::Wire for $type {
            fn write(&self, to: &mut $crate::supervise::wire::Writer) {
                $(self.$field.write(to);)+
            }

            fn read(
                from: &mut $crate::supervise::wire::Reader<'_>,
            ) -> Result<Self, $crate::supervise::wire::Malformed> {
                Ok(Self {
                    $($field: $crate::supervise::wire::Wire::read(from)?,)+
                    $($($new: $value,)+)?
                })
            }
        }
    };
}

/// A byte for the variant, then its fields.
macro_rules! wire_enum {
    ($type:ty {
        $($tag:literal => $variant:ident $(($($field:ident),+))? $({ $($named:ident),+ })?),+ $(,)?
    }) => {
        impl $crate::supervise::wire::Wire for $type {
            fn write(&self, to: &mut $crate::supervise::wire::Writer) {
                match self {
                    $(Self::$variant $(($($field),+))? $({ $($named),+ })? => {
                        to.byte($tag);
                        $($($field.write(to);)+)?
                        $($($named.write(to);)+)?
                    })+
                }
            }

            fn read(
                from: &mut $crate::supervise::wire::Reader<'_>,
            ) -> Result<Self, $crate::supervise::wire::Malformed> {
                Ok(match from.byte()? {
                    $($tag => Self::$variant $((
                        $({ let $field = $crate::supervise::wire::Wire::read(from)?; $field }),+
                    ))? $({
                        $($named: $crate::supervise::wire::Wire::read(from)?),+
                    })?,)+
                    _ => return Err($crate::supervise::wire::Malformed::Value),
                })
            }
        }
    };
}

pub(crate) use {wire_enum, wire_struct};

impl Wire for u8 {
    fn write(&self, to: &mut Writer) {
        to.byte(*self);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.byte()
    }
}

impl Wire for u32 {
    fn write(&self, to: &mut Writer) {
        to.number(*self);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.number()
    }
}

impl Wire for u64 {
    fn write(&self, to: &mut Writer) {
        to.long(*self);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.long()
    }
}

/// A type that travels as another one, which may be too wide for it.
macro_rules! as_another {
    ($($type:ty: $wide:ty, $there:expr, $back:expr;)+) => {
        $(impl Wire for $type {
            fn write(&self, to: &mut Writer) {
                $there(*self).write(to);
            }

            fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
                $back(<$wide>::read(from)?).ok_or(Malformed::Value)
            }
        })+
    };
}

as_another! {
    i32: u32, i32::cast_unsigned, |wide: u32| Some(wide.cast_signed());
    i8: u8, i8::cast_unsigned, |wide: u8| Some(wide.cast_signed());
    u16: u32, u32::from, |wide| u16::try_from(wide).ok();
    i16: u32, |value| i32::from(value).cast_unsigned(), |wide: u32| i16::try_from(wide.cast_signed()).ok();
    usize: u64, |value| value as u64, |wide| usize::try_from(wide).ok();
    Errno: u32, |errno| (errno as i32).cast_unsigned(), |wide: u32| Some(Errno::from_raw(wide.cast_signed()));
    Pid: u32, |pid: Pid| pid.as_raw().cast_unsigned(), |wide: u32| Some(Pid::from_raw(wide.cast_signed()));
    bool: u8, u8::from, |wide| match wide { 0 => Some(false), 1 => Some(true), _ => None };
    Duration: u64, millis, |wide| Some(Duration::from_millis(wide));
    Instant: u64, nanos, |wide| Some(Instant::from_boot(Duration::from_nanos(wide)));
}

/// Signals with a name; nobody blocks others across an exec.
impl Wire for SigSet {
    fn write(&self, to: &mut Writer) {
        let bit = |signal: Signal| 1_u64 << (signal as i32);
        self.iter().map(bit).fold(0, |all, one| all | one).write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let bits = u64::read(from)?;
        let set = |signal: &Signal| bits >> (*signal as i32) & 1 == 1;
        Ok(Signal::iterator().filter(set).collect())
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn nanos(time: Instant) -> u64 {
    u64::try_from(time.since_boot().as_nanos()).unwrap_or(u64::MAX)
}

impl Wire for String {
    fn write(&self, to: &mut Writer) {
        to.bytes(self.as_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.text().map(str::to_owned)
    }
}

impl Wire for Box<str> {
    fn write(&self, to: &mut Writer) {
        to.bytes(self.as_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.text().map(Self::from)
    }
}

/// A word for a system call: a NUL byte would cut it short.
impl Wire for OsString {
    fn write(&self, to: &mut Writer) {
        to.bytes(self.as_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let bytes = from.bytes()?;
        match bytes.contains(&0) {
            true => Err(Malformed::Value),
            false => Ok(OsStr::from_bytes(bytes).to_owned()),
        }
    }
}

impl Wire for PathBuf {
    fn write(&self, to: &mut Writer) {
        to.bytes(self.as_os_str().as_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        OsString::read(from).map(Self::from)
    }
}

impl Wire for CString {
    fn write(&self, to: &mut Writer) {
        to.bytes(self.as_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Self::new(from.bytes()?).map_err(|_| Malformed::Value)
    }
}

/// A descriptor of this process, by its number: only in a state that is handed to the same process's
/// next program, never in a message.
impl Wire for OwnedFd {
    fn write(&self, to: &mut Writer) {
        to.descriptor(self.as_raw_fd());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        inherited::keep(i32::read(from)?).map_err(|_| Malformed::Value)
    }
}

impl<T: Wire> Wire for Option<T> {
    fn write(&self, to: &mut Writer) {
        self.is_some().write(to);
        if let Some(value) = self {
            value.write(to);
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match bool::read(from)? {
            true => Some(T::read(from)?),
            false => None,
        })
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn write(&self, to: &mut Writer) {
        to.number(u32::try_from(self.len()).unwrap_or(u32::MAX));
        for value in self {
            value.write(to);
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        // The count is only believed as far as there are values.
        (0..from.number()?).map(|_| T::read(from)).collect()
    }
}

impl<T: Wire> Wire for Box<T> {
    fn write(&self, to: &mut Writer) {
        (**self).write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        T::read(from).map(Self::new)
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn write(&self, to: &mut Writer) {
        self.0.write(to);
        self.1.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok((A::read(from)?, B::read(from)?))
    }
}

impl<A: Wire, B: Wire, C: Wire> Wire for (A, B, C) {
    fn write(&self, to: &mut Writer) {
        self.0.write(to);
        self.1.write(to);
        self.2.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok((A::read(from)?, B::read(from)?, C::read(from)?))
    }
}

wire_enum!(Exit { 1 => Code(status), 2 => Signal(number) });

//! What the person at the machine says about modules: `modprobe.d` files and the kernel command line.
//! Of modprobe.d(5) `alias`, `softdep`, `options` and `blacklist` are understood, and of `install` what
//! disables a module; other commands there, and those of `remove`, are for a shell and are not carried out.

use std::path::Path;

use super::{first_word, kernel_name, lines, name_of, same};
use crate::sort;
use crate::system::cmdline;

/// The directories whose `*.conf` files are read, in order.
pub const DIRECTORIES: &[&str] = &["/lib/modprobe.d", "/etc/modprobe.d", "/run/modprobe.d"];

/// The text of every `*.conf` in these directories, one after the other, in the order of file names.
/// What cannot be read is left out.
pub fn read(directories: &[&str]) -> Vec<u8> {
    let mut text = Vec::new();
    for directory in directories {
        let Ok(entries) = std::fs::read_dir(directory) else {
            continue;
        };
        let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|path| is_conf(path));
        sort::sort(&mut files);
        for file in files {
            text.extend(std::fs::read(file).unwrap_or_default());
            text.push(b'\n');
        }
    }
    text
}

fn is_conf(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "conf")
}

/// Whether nobody but its full name may load this module: `blacklist NAME` of the files,
/// `modprobe.blacklist=NAME,…` and `module_blacklist=NAME,…` of the command line.
pub fn is_blacklisted(files: &[u8], command_line: &[u8], name: &[u8]) -> bool {
    let in_files = lines(files).any(|line| {
        let (keyword, rest) = first_word(line);
        keyword == b"blacklist" && same(first_word(rest).0, name)
    });
    in_files
        || cmdline::parse(command_line).iter().any(|argument| {
            matches!(argument.name, b"modprobe.blacklist" | b"module_blacklist")
                && argument
                    .value
                    .unwrap_or_default()
                    .split(|&b| b == b',')
                    .any(|listed| same(listed, name))
        })
}

/// What `install NAME COMMAND` says is to be done in place of loading a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Install<'a> {
    /// Nothing, which is no error: `/bin/true`.
    Nothing,
    /// Nothing, which is one: `/bin/false`.
    Refuse,
    /// This command, which nobody carries out here.
    Command(&'a [u8]),
}

/// The first such line for a module.
pub fn install<'a>(files: &'a [u8], name: &[u8]) -> Option<Install<'a>> {
    lines(files).find_map(|line| {
        let (keyword, rest) = first_word(line);
        let (module, command) = first_word(rest);
        if keyword != b"install" || !same(module, name) || command.is_empty() {
            return None;
        }
        Some(match name_of(first_word(command).0) {
            b"true" => Install::Nothing,
            b"false" => Install::Refuse,
            _ => Install::Command(command),
        })
    })
}

/// The parameters for a module: `options NAME …` of the files, then `NAME.param=value` of the command
/// line, then `extra`, which so has the last word.
pub fn parameters(files: &[u8], command_line: &[u8], name: &[u8], extra: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    let mut add = |parts: &[&[u8]]| {
        if !all.is_empty() {
            all.push(b' ');
        }
        all.extend(parts.concat());
    };
    for line in lines(files) {
        let (keyword, rest) = first_word(line);
        let (module, options) = first_word(rest);
        if keyword == b"options" && same(module, name) && !options.is_empty() {
            add(&[options]);
        }
    }
    let name = kernel_name(name);
    for argument in cmdline::parse(command_line) {
        let Some(dot) = argument.name.iter().position(|&b| b == b'.') else {
            continue;
        };
        let (module, parameter) = (&argument.name[..dot], &argument.name[dot + 1..]);
        if parameter.is_empty() || !same(module, &name) {
            continue;
        }
        match argument.value {
            None => add(&[parameter]),
            Some(value) if value.iter().any(u8::is_ascii_whitespace) => {
                add(&[parameter, b"=\"", value, b"\""]);
            }
            Some(value) => add(&[parameter, b"=", value]),
        }
    }
    if !extra.is_empty() {
        add(&[extra]);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blacklists() {
        let files = b"# no\nblacklist pcspkr\nblacklist i2c-piix4\nblacklist";
        let line = b"quiet modprobe.blacklist=a,b-c module_blacklist=d";
        for name in ["pcspkr", "i2c_piix4", "a", "b_c", "d"] {
            assert!(is_blacklisted(files, line, name.as_bytes()), "{name}");
        }
        assert!(!is_blacklisted(files, line, b"virtio_net"));
        assert!(!is_blacklisted(b"", b"", b""));
    }

    #[test]
    fn what_stands_in_the_place_of_loading() {
        let files = b"install usb-storage /bin/false\n#install x /bin/true\ninstall dccp true\n\
            install snd /sbin/modprobe --ignore-install snd && echo\ninstall bare\nremove fs /bin/true";
        let of = |name: &str| install(files, name.as_bytes());
        assert_eq!(of("usb_storage"), Some(Install::Refuse));
        assert_eq!(of("dccp"), Some(Install::Nothing));
        let command = b"/sbin/modprobe --ignore-install snd && echo";
        assert_eq!(of("snd"), Some(Install::Command(command)));
        assert_eq!(["x", "bare", "fs", ""].map(of), [None; 4]);
    }

    #[test]
    fn parameters_in_their_order() {
        let files = b"options virtio-net napi_tx=0 csum=1\noptions other x=1\noptions virtio_net";
        let line =
            b"virtio_net.napi_tx=1 other.x=2 virtio_net.flag virtio_net.s=\"a b\" virtio_net. .x";
        assert_eq!(
            parameters(files, line, b"virtio-net", b"gso=0"),
            b"napi_tx=0 csum=1 napi_tx=1 flag s=\"a b\" gso=0"
        );
        assert_eq!(parameters(b"", b"", b"x", b""), b"");
    }
}

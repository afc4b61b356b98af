//! Pages of the manual that are not about one command: `help syntax`, `help settings`, `help network`,
//! `help boot`.

use super::packed::{Packed, unpack};

/// A page, and the word that `help` knows it by.
pub struct Topic {
    /// `syntax`
    pub name: &'static str,
    /// One line: what it is about.
    pub summary: &'static str,
    /// The page, packed; at most 80 columns, one screen.
    packed: &'static [u8],
}

impl Topic {
    /// The page.
    pub fn text(&self) -> String {
        unpack(self.packed)
    }
}

/// The words of a page, packed by the compiler.
macro_rules! page {
    ($text:expr) => {{
        const PACKED: Packed = Packed::text($text);
        const PAGE: [u8; PACKED.length()] = PACKED.bytes();
        &PAGE
    }};
}

/// Every page, in the order in which `help` names them.
pub const TOPICS: &[Topic] = &[SYNTAX, SETTINGS, NETWORK, BOOT];

/// The page of that name.
pub fn find(name: &str) -> Option<&'static Topic> {
    TOPICS.iter().find(|topic| topic.name == name)
}

const SYNTAX: Topic = Topic {
    name: "syntax",
    summary: "the language: what sh has, and what is added",
    packed: page!(
        r#"The language is a subset of the POSIX shell.

  words        'as it is'  "with $x"  back\slash  *.ko  ~
  variables    x=1  $x  ${x:-default}  ${x#prefix}  ${x%suffix}  $((x+1))
  parameters   $1 $# "$@"  $? (last status)  $$ $! (process ids)
  redirection  >file  >>file  <file  2>&1  <<END  |
  lists        a; b   a && b   a || b   ! a   a &   { a; }   ( a )   $(a)
  if           if a; then b; elif c; then d; else e; fi
  loops        for x in a b; do c; done   while a; do b; done   until ...
  choice       case $x in a*) b ;; *) c ;; esac
  functions    f() { local x=$1; return 3; }
  scripts      run FILE [ARG...] (or: . FILE)    set -e -u -x    trap 'CMD' EXIT

Added: ${dotted.names} are settings ('help settings'); 'retry', 'timeout' and
'waitfor' are for what takes its time; 'spawn' makes a service of a command.
Not there: arrays, aliases, process substitution.

Errors say where: boot.run:12:1: mount: mount proc on /proc: EPERM (...)
Statuses: 0 success, 1 failed, 2 wrong usage, 126 cannot be executed,
127 not found, 128+N ended by signal N (130: Ctrl-C).
"#
    ),
};

const SETTINGS: Topic = Topic {
    name: "settings",
    summary: "read-only values of the machine: ${cmdline.root}, ${net.eth0.ip4}",
    packed: page!(
        r#"Settings are read-only values with dotted names, looked up when they are used.

  ${cmdline.root}          root=... on the kernel command line
  ${net.eth0.ip4}          eth0's address, whoever gave it: 'help network'
  ${host.hostname}         the machine itself
  ${svc.web.pid}           a service

  get                      lists all of them
  get net.eth0.ip4         prints one
  ${cmdline.x:-default}    a default where there is none

A value is never expanded again, whatever it contains.
"#
    ),
};

const NETWORK: Topic = Topic {
    name: "network",
    summary: "how interfaces get addresses, and what to do when they do not",
    packed: page!(
        r#"Clients configure interfaces. Each is a service that renews what it has; started
again, it takes that up again, and no address is lost in between.

  dhcp4 eth0               IPv4: address, routes, DNS
  slaac --follow eth0      IPv6 from the router; runs dhcp6 where it says so
  dhcp6 --pd eth0          IPv6 from a server, a prefix for the links behind us
  pd assign lan; ra lan    a /64 of it on another link, and announced there

What is there:
  net                      all in one table, and why there is no lease
  lease eth0               every value, and how long it lasts
  net stats                what was sent, received and dropped, and why
  services; logs           the clients themselves (dhcp4.eth0, slaac.eth0 ...)

In scripts:
  ${net.eth0.ip4}          a value; 'get net.eth0' lists all of them
  waitfor online [4|6]     wait for an address and a default route
  on bound eth0 FILE       run FILE when a lease comes (or goes: 'help on')

By hand: link, addr, route. 'stop dhcp4.eth0' renews no more, 'dhcp4 --release
eth0' gives the address back. resolv.conf is written from all sources.
"#
    ),
};

const BOOT: Topic = Topic {
    name: "boot",
    summary: "what happens from power-on to the prompt, and what changes it",
    packed: page!(
        r#"1. The boot script: mounts, drivers, network. It is built into initsh.
2. /autoexec.run or /mnt/host/autoexec.run, if there is one, after 5 seconds.
   A key opens the shell instead.
3. Power off after 10 seconds, with the status of autoexec.run. A key opens the
   shell. If a service runs (network clients do not count), the shell opens.
'exit' in the shell starts a new one; 'poweroff' and 'reboot' end the machine.

On the kernel command line:
  initsh.script=PATH     another boot script
  initsh.autoexec=PATH   another autoexec.run
  initsh.delay=S         length of both countdowns; 0: none
  initsh.interrupt=KEY   any, enter, esc, none, or a word (serial noise!)
  initsh.after=WHAT      shell, poweroff, reboot or wait; services do not matter
  initsh.idle=S          a prompt without a key for so long does as 3. would
  initsh.console=TTY     the console: ttyS0, hvc0, tty1
  initsh.columns=N initsh.rows=N   its size; a serial line does not know it
  hostname=NAME          the host name
"#
    ),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_fits_a_screen() {
        for topic in TOPICS {
            let widest = topic.text().lines().map(|l| l.chars().count()).max();
            assert!(widest <= Some(80), "{}: {widest:?} columns", topic.name);
            assert!(
                topic.text().lines().count() <= 24,
                "{}: too long",
                topic.name
            );
        }
    }
}

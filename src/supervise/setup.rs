//! What a service's process is given between fork and exec. Plain data: names are resolved by the client,
//! so that PID 1 reads no files. [`super::spawn`] applies it.

use std::ffi::OsString;

/// What a process is given; by default nothing but PID 1's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setup {
    /// User id.
    pub user: Option<u32>,
    /// Group id.
    pub group: Option<u32>,
    /// Supplementary groups; set whenever a user or a group is.
    pub groups: Vec<u32>,
    /// Descriptor 0.
    pub stdin: Stdio,
    /// Descriptor 1.
    pub stdout: Stdio,
    /// Descriptor 2.
    pub stderr: Stdio,
    /// Nice value, -20 to 19.
    pub nice: Option<i8>,
    /// `oom_score_adj`, -1000 to 1000.
    pub oom_score: Option<i16>,
    /// Limits by resource number (`RLIMIT_*`): soft and hard.
    pub rlimits: Vec<(u8, u64, u64)>,
    /// Files of its control group (cgroup v2) and what is written to them: `memory.max`, `64M`.
    pub cgroup: Vec<(String, String)>,
    /// The capabilities that are left, as a set of bits by `CAP_*` number.
    pub caps: Option<u64>,
    /// Whether exec may not give more privileges (`PR_SET_NO_NEW_PRIVS`).
    pub no_new_privs: bool,
    /// Its controlling terminal, which is also its standard input, output and error.
    pub tty: Option<OsString>,
    /// Whether it gets the descriptors that came with the request.
    pub keep_fds: bool,
}

/// Where a standard descriptor of a service leads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Stdio {
    /// Standard input: nothing to read. Standard output and error: the console.
    #[default]
    Default,
    /// `/dev/null`
    Null,
    /// The console; in a namespace what PID 1 has.
    Console,
    /// PID 1's log of the service (output only).
    Log,
    /// A file; appended to, where it is output.
    File(OsString),
}

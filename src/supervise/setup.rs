//! What a service's process is given between fork and exec. Plain data: names are resolved by the client,
//! so that PID 1 reads no files. [`super::spawn`] applies it.

use std::ffi::{OsStr, OsString};

use super::limits;
use super::spec::ServiceSpec;

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
    /// The directory below which the control group is made; `None`: it gets none.
    pub cgroup_at: Option<OsString>,
    /// The capabilities that are left, as a set of bits by `CAP_*` number.
    pub caps: Option<u64>,
    /// Whether exec may not give more privileges (`PR_SET_NO_NEW_PRIVS`).
    pub no_new_privs: bool,
    /// Its controlling terminal, which is also its standard input, output and error.
    pub tty: Option<OsString>,
    /// The numbers, from 3 on, under which it gets the descriptors that came with the request.
    pub keep_fds: Vec<u8>,
    /// The file that PID 1 appends its log to, and the size in bytes at which it begins a new one.
    pub log_file: Option<(OsString, u64)>,
}

impl Setup {
    /// Whether PID 1 keeps what its processes write.
    pub fn logs(&self) -> bool {
        self.stdout == Stdio::Log || self.stderr == Stdio::Log
    }
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

/// A step between fork and exec, as it is told to PID 1 when it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Entering the working directory.
    Directory,
    /// Opening the terminal.
    Terminal,
    /// Making it the controlling terminal.
    Control,
    /// Opening the file of descriptor 0, 1 or 2.
    Stdio(u8),
    /// Making the control group.
    Cgroup,
    /// Having the controller of the limit of this place in the list.
    Controller(u8),
    /// Writing the limit of this place in the list.
    Limit(u8),
    /// Entering the control group.
    Join,
    /// Setting the resource limit of this place in the list.
    Rlimit(u8),
    /// Writing `oom_score_adj`.
    OomScore,
    /// Setting the nice value.
    Nice,
    /// Setting the supplementary groups.
    Groups,
    /// Setting the group.
    Group,
    /// Setting the user.
    User,
    /// Setting the capabilities.
    Caps,
    /// Setting `no_new_privs`.
    NoNewPrivs,
    /// Handing over the kept descriptor of this number.
    Kept(u8),
}

impl Step {
    /// What cannot be done, in words that name the value: `cannot set user 1000`.
    pub fn words(self, spec: &ServiceSpec) -> String {
        let setup = &spec.setup;
        let path = |path: &OsStr| path.to_string_lossy().into_owned();
        let number = |id: Option<u32>| id.map(|id| id.to_string()).unwrap_or_default();
        let terminal = setup.tty.as_deref().map(path).unwrap_or_default();
        match self {
            Self::Directory => format!("cannot enter its working directory {}", path(&spec.cwd)),
            Self::Terminal => format!("cannot open terminal {terminal}"),
            Self::Control => format!("cannot take terminal {terminal}, which has a session"),
            Self::Stdio(fd) => {
                let (name, stdio) = match fd {
                    0 => ("input", &setup.stdin),
                    1 => ("output", &setup.stdout),
                    _ => ("error", &setup.stderr),
                };
                let file = match stdio {
                    Stdio::File(file) => path(file),
                    Stdio::Null => "/dev/null".to_owned(),
                    _ => "the console".to_owned(),
                };
                format!("cannot open standard {name} {file}")
            }
            Self::Cgroup => {
                let base = setup.cgroup_at.as_deref().map(path).unwrap_or_default();
                format!("cannot make its control group below {base}")
            }
            Self::Controller(at) => {
                let limit = setup.cgroup.get(usize::from(at));
                let name = limit.and_then(|(file, _)| file.split('.').next());
                format!("cannot have the controller {}", name.unwrap_or_default())
            }
            Self::Limit(at) => match setup.cgroup.get(usize::from(at)) {
                Some((name, value)) => format!("cannot set {name} to {value}"),
                None => "cannot set a limit of its control group".to_owned(),
            },
            Self::Join => "cannot enter its control group".to_owned(),
            Self::Rlimit(at) => match setup.rlimits.get(usize::from(at)) {
                Some((which, soft, hard)) => {
                    let name = limits::name(*which);
                    let (soft, hard) = (limits::shown(*soft), limits::shown(*hard));
                    format!("cannot set limit {name} to {soft}:{hard}")
                }
                None => "cannot set a limit".to_owned(),
            },
            Self::OomScore => {
                format!("cannot set oom-score {}", setup.oom_score.unwrap_or(0))
            }
            Self::Nice => format!("cannot set nice value {}", setup.nice.unwrap_or(0)),
            Self::Groups => "cannot set its supplementary groups".to_owned(),
            Self::Group => format!("cannot set group {}", number(setup.group)),
            Self::User => format!("cannot set user {}", number(setup.user)),
            Self::Caps => "cannot set its capabilities".to_owned(),
            Self::NoNewPrivs => "cannot set no-new-privs".to_owned(),
            Self::Kept(fd) => format!("cannot hand over descriptor {fd}"),
        }
    }
}

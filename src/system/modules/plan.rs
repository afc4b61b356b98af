//! In which order modules are loaded: what a module needs before it, soft dependencies around it, in the
//! order of modprobe(8). Invariant: a plan holds each module once, whatever circles the tables contain.

use super::catalog::{Index, Meaning};

/// One module to be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Its number in [`Index::entries`].
    pub module: usize,
    /// Whether the module asked for fails with it; a soft dependency is only tried.
    pub required: bool,
}

/// What was planned so far: the steps of each [`Planner::add`] leave out those of earlier calls.
pub struct Planner<'i, 'a> {
    index: &'i Index<'a>,
    visited: Vec<bool>,
    queued: Vec<bool>,
    steps: Vec<Step>,
}

/// Soft dependencies of soft dependencies are followed this deep.
const DEEPEST: u32 = 32;

impl<'i, 'a> Planner<'i, 'a> {
    /// Nothing is planned yet.
    pub fn new(index: &'i Index<'a>) -> Self {
        let count = index.entries.len();
        Self {
            index,
            visited: vec![false; count],
            queued: vec![false; count],
            steps: Vec::new(),
        }
    }

    /// Plans a module with all that belongs to it; the steps that this adds, in order.
    pub fn add(&mut self, module: usize) -> Vec<Step> {
        self.visit(module, true, 0);
        std::mem::take(&mut self.steps)
    }

    fn visit(&mut self, module: usize, required: bool, depth: u32) {
        if self.visited[module] || depth > DEEPEST {
            return;
        }
        self.visited[module] = true;
        let index = self.index;
        for needed in index.entries[module].needs() {
            if let Some(needed) = index.find(needed) {
                self.with_soft(needed, required, depth);
            }
        }
        self.with_soft(module, required, depth);
    }

    fn with_soft(&mut self, module: usize, required: bool, depth: u32) {
        let index = self.index;
        for name in index.soft(module).flat_map(|soft| &soft.before) {
            self.soft(name, depth);
        }
        if !self.queued[module] {
            self.queued[module] = true;
            self.steps.push(Step { module, required });
        }
        for name in index.soft(module).flat_map(|soft| &soft.after) {
            self.soft(name, depth);
        }
    }

    fn soft(&mut self, name: &[u8], depth: u32) {
        if let Meaning::Modules(modules) = self.index.resolve(name) {
            for module in modules {
                self.visit(module, false, depth + 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalog::Tables;
    use super::*;

    fn order(tables: &Tables, names: &[&str]) -> String {
        let index = tables.index();
        let mut planner = Planner::new(&index);
        let mut text = String::new();
        for name in names {
            for step in planner.add(index.find(name.as_bytes()).unwrap()) {
                let mark = if step.required { "" } else { "?" };
                let name = String::from_utf8_lossy(index.entries[step.module].name);
                text.push_str(&format!("{name}{mark} "));
            }
        }
        text.trim_end().to_owned()
    }

    #[test]
    fn needs_come_first() {
        let dep = "9p.ko: 9pnet.ko netfs.ko fscache.ko\n9pnet.ko:\nnetfs.ko: fscache.ko\nfscache.ko:\n\
            9pnet_virtio.ko: virtio.ko 9pnet.ko\nvirtio.ko:\n";
        let tables = Tables::of(dep, "", "", "", "");
        assert_eq!(order(&tables, &["9p"]), "fscache netfs 9pnet 9p");
        assert_eq!(
            order(&tables, &["9p", "9pnet_virtio", "9p"]),
            "fscache netfs 9pnet 9p virtio 9pnet_virtio"
        );
    }

    #[test]
    fn soft_dependencies_stand_around() {
        let dep = "ext4.ko: jbd2.ko\njbd2.ko:\ncrc32c_generic.ko:\ncrc32c_intel.ko:\nlate.ko: deep.ko\ndeep.ko:\n";
        let tables = Tables::of(
            dep,
            "softdep ext4 pre: crc32c missing post: late\n",
            "alias crc32c crc32c_intel\nalias crc32c crc32c_generic\n",
            "softdep jbd2 pre: deep\n",
            "",
        );
        assert_eq!(
            order(&tables, &["ext4"]),
            "deep? jbd2 crc32c_intel? crc32c_generic? ext4 late?"
        );
    }

    #[test]
    fn circles_end() {
        let tables = Tables::of(
            "a.ko: b.ko a.ko\nb.ko: a.ko\nc.ko:\n",
            "softdep a pre: c b\nsoftdep c pre: a post: c\n",
            "",
            "",
            "",
        );
        let steps = order(&tables, &["a", "b", "c"]);
        let mut names: Vec<_> = steps.split(' ').map(|n| n.trim_end_matches('?')).collect();
        names.sort_unstable();
        assert_eq!(names, ["a", "b", "c"]);
    }
}

//! The running processes and their parents.
//!
//! `cargo lambda watch` gives each function a process group of its own, so neither a signal to its group nor its own
//! death ends them. They are found by their parents instead, while these still live.

use std::collections::HashSet;

/// A process. Numbers are used again, so the time of its start is part of what it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RunningProcess {
    pub(crate) pid: i32,
    parent: i32,
    born: String,
}

impl RunningProcess {
    /// True if both are one process. The parent does not count: an orphan gets another one.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.pid == other.pid && self.born == other.born
    }
}

/// Everything that runs now. Zombies do not: they only wait for somebody to ask how they ended.
pub(crate) fn running() -> Vec<RunningProcess> {
    platform::running()
}

/// The entries of `table` that are `roots`, or have one among their ancestors.
pub(crate) fn family(table: &[RunningProcess], roots: &HashSet<i32>) -> HashSet<RunningProcess> {
    let mut members: HashSet<i32> = roots.clone();
    loop {
        let before = members.len();
        let children = table.iter().filter(|entry| members.contains(&entry.parent));
        let children: Vec<i32> = children.map(|entry| entry.pid).collect();
        members.extend(children);
        if members.len() == before {
            break;
        }
    }
    table.iter().filter(|entry| members.contains(&entry.pid)).cloned().collect()
}

#[cfg(target_os = "linux")]
mod platform {
    use std::fs;

    use super::RunningProcess;

    pub(super) fn running() -> Vec<RunningProcess> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter_map(|pid: i32| parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?))
            .collect()
    }

    /// `pid (name) state parent … start …`, see proc(5). The name may hold blanks and brackets.
    fn parse(pid: i32, line: &str) -> Option<RunningProcess> {
        let after_name = line.rsplit_once(") ")?.1;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        // Counted from the state, the third field of the line: the parent is the fourth, the start the 22nd.
        let (state, parent, born) = (fields.first()?, fields.get(1)?, fields.get(19)?);
        let alive = !matches!(*state, "Z" | "X");
        alive.then(|| Some(RunningProcess { pid, parent: parent.parse().ok()?, born: (*born).to_owned() }))?
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_name_may_hold_anything() {
            let line = "7 (a) b) S 3 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 0 0";
            let entry = RunningProcess { pid: 7, parent: 3, born: "4242".to_owned() };
            assert_eq!(parse(7, line), Some(entry));
        }

        #[test]
        fn a_zombie_does_not_run() {
            assert_eq!(parse(7, "7 (a) Z 3 7 7 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0 4242 0 0"), None);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use std::process::Command;

    use super::RunningProcess;

    pub(super) fn running() -> Vec<RunningProcess> {
        let listing = Command::new("ps").args(["-A", "-o", "pid=,ppid=,stat=,lstart="]).output();
        let listing = listing.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        listing.unwrap_or_default().lines().filter_map(parse).collect()
    }

    fn parse(line: &str) -> Option<RunningProcess> {
        let mut fields = line.split_whitespace();
        let (pid, parent, state) = (fields.next()?, fields.next()?, fields.next()?);
        let born = fields.collect::<Vec<_>>().join(" ");
        let alive = !state.starts_with('Z');
        alive.then(|| Some(RunningProcess { pid: pid.parse().ok()?, parent: parent.parse().ok()?, born }))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn family_ends_at_grandchildren() {
        let entry = |pid, parent| RunningProcess { pid, parent, born: String::new() };
        let table = [entry(1, 0), entry(10, 1), entry(12, 11), entry(11, 10), entry(20, 1)];
        let mut found: Vec<i32> =
            family(&table, &HashSet::from([10])).iter().map(|entry| entry.pid).collect();
        found.sort_unstable();
        assert_eq!(found, [10, 11, 12]);
    }
}

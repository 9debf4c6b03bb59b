//! What this process may use of the machine: the limits of its control groups.
//!
//! A group's limit holds for all groups in it, so the smallest from the process's own group up to the root counts.
//! Both hierarchies are read, since machines in use have either or both: [v2] has one tree, [v1] one for each kind of
//! limit. In a container the tree begins at its own group, and the path that `/proc` gives may lie outside of it.
//!
//! [v1]: https://docs.kernel.org/admin-guide/cgroup-v1/index.html
//! [v2]: https://docs.kernel.org/admin-guide/cgroup-v2.html

use std::{
    fs, iter,
    path::{Path, PathBuf},
    thread,
};

/// The least that some limit allows; none where nothing limits it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// CPU time in a second of time, in seconds.
    pub cpus: Option<f64>,
    /// Bytes.
    pub memory: Option<u64>,
}

/// Those of this process at this moment; the machine's memory is a limit like any other.
///
/// `root`: where the machine's file system begins. What cannot be read there limits nothing.
pub fn limits(root: &Path) -> Limits {
    let mut limits = Limits { cpus: None, memory: machine_memory(root) };
    for group in groups(root) {
        limits.cpus = least(limits.cpus, group.cpus(), f64::min);
        limits.memory = least(limits.memory, group.memory(), u64::min);
    }
    limits
}

/// How many threads can compute all the time: what the affinity and the quota have room for, at least one.
///
/// Of a quota of 1.5 CPUs one is meant: two threads would use up each period's time together and then stand still,
/// along with the threads that read and answer.
pub fn cores() -> usize {
    let allowed = thread::available_parallelism().map_or(1, usize::from);
    cores_within(allowed, limits(Path::new("/")))
}

fn cores_within(allowed: usize, limits: Limits) -> usize {
    limits.cpus.map_or(allowed, |cpus| allowed.min(cpus as usize)).max(1)
}

/// A control group's folder.
struct Group {
    folder: PathBuf,
    version: Version,
}

#[derive(Clone, Copy)]
enum Version {
    V1,
    V2,
}

impl Group {
    fn cpus(&self) -> Option<f64> {
        let (quota, period) = match self.version {
            Version::V1 => (self.read("cpu.cfs_quota_us")?, self.read("cpu.cfs_period_us")?),
            Version::V2 => {
                self.read("cpu.max")?.split_once(' ').map(|(quota, period)| (quota.into(), period.into()))?
            }
        };
        // No quota is -1 or `max`.
        let (quota, period): (u64, u64) = (quota.parse().ok()?, period.parse().ok()?);
        (period > 0).then(|| quota as f64 / period as f64)
    }

    fn memory(&self) -> Option<u64> {
        let file = match self.version {
            Version::V1 => "memory.limit_in_bytes",
            Version::V2 => "memory.max",
        };
        // No limit is `max`, or more than any machine has.
        self.read(file)?.parse().ok()
    }

    fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(file)).ok().map(|text| text.trim().to_owned())
    }
}

/// The groups of this process, with those that they are in.
fn groups(root: &Path) -> Vec<Group> {
    let read = |file: &str| fs::read_to_string(root.join("proc/self").join(file)).unwrap_or_default();
    let (memberships, mounts) = (read("cgroup"), read("mountinfo"));
    let mounts: Vec<Mount> = mounts.lines().filter_map(Mount::parse).collect();
    memberships.lines().flat_map(|line| groups_of(root, line, &mounts)).collect()
}

/// `line`: `4:cpu,cpuacct:/path` for the trees of v1, `0::/path` for that of v2.
fn groups_of(root: &Path, line: &str, mounts: &[Mount]) -> Vec<Group> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { return Vec::new() };
    let controllers: Vec<&str> = controllers.split(',').collect();
    let Some(mount) = mounts.iter().find(|mount| mount.is_of(&controllers)) else { return Vec::new() };
    // What lies outside of what is mounted cannot be seen; the mounted group is the nearest.
    let below = Path::new(path).strip_prefix(mount.root).unwrap_or(Path::new(""));
    let top = root.join(mount.point.trim_start_matches('/'));
    let own = if below.components().all(|part| part.as_os_str() != "..") { top.join(below) } else { top.clone() };
    let all = iter::successors(Some(own), |folder| folder.parent().map(Path::to_owned));
    all.take_while(|folder| folder.starts_with(&top)).map(|folder| Group { folder, version: mount.version }).collect()
}

/// A mounted tree of groups: a line of `mountinfo` (`proc_pid_mountinfo(5)`).
struct Mount<'a> {
    /// The group that its folder shows.
    root: &'a str,
    point: &'a str,
    version: Version,
    /// Of a tree of v1, which kinds of limits it has are among them.
    options: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (place, file_system) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let mut file_system = file_system.split(' ');
        let version = match file_system.next()? {
            "cgroup" => Version::V1,
            "cgroup2" => Version::V2,
            _ => return None,
        };
        Some(Self { root: place.next()?, point: place.next()?, version, options: file_system.nth(1)? })
    }

    /// `controllers`: those of a line of `/proc/self/cgroup`, a single empty one for v2.
    fn is_of(&self, controllers: &[&str]) -> bool {
        match self.version {
            Version::V1 => self.options.split(',').any(|option| controllers.contains(&option)),
            Version::V2 => controllers == [""],
        }
    }
}

fn machine_memory(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib << 10)
}

fn least<T>(a: Option<T>, b: Option<T>, min: impl Fn(T, T) -> T) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(min(a, b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const MIB: u64 = 1 << 20;
    const V2_MOUNT: &str = "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";

    /// A machine with these files.
    fn machine(files: &[(&str, &str)]) -> TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn limits_of(files: &[(&str, &str)]) -> Limits {
        limits(machine(files).path())
    }

    #[test]
    fn nothing_limits_where_nothing_says_so() {
        assert_eq!(limits_of(&[]), Limits::default());
        assert_eq!(
            limits_of(&[
                ("proc/self/cgroup", "0::/a\n"),
                ("proc/self/mountinfo", V2_MOUNT),
                ("sys/fs/cgroup/a/cpu.max", "max 100000\n"),
                ("sys/fs/cgroup/a/memory.max", "max\n"),
            ]),
            Limits::default()
        );
    }

    #[test]
    fn the_smallest_limit_of_the_groups_around_a_group_counts() {
        let limits = limits_of(&[
            ("proc/meminfo", "MemTotal:       24684280 kB\nMemFree: 1 kB\n"),
            ("proc/self/cgroup", "0::/a/b/c\n"),
            ("proc/self/mountinfo", V2_MOUNT),
            ("sys/fs/cgroup/a/cpu.max", "150000 100000\n"),
            ("sys/fs/cgroup/a/memory.max", "1073741824\n"),
            ("sys/fs/cgroup/a/b/memory.max", "536870912\n"),
            ("sys/fs/cgroup/a/b/c/cpu.max", "400000 100000\n"),
            ("sys/fs/cgroup/a/b/c/memory.max", "max\n"),
            // No group of the process.
            ("sys/fs/cgroup/other/memory.max", "4096\n"),
        ]);
        assert_eq!(limits, Limits { cpus: Some(1.5), memory: Some(512 * MIB) });
    }

    #[test]
    fn a_container_sees_its_own_group_as_the_root() {
        for path in ["/", "/../../pod"] {
            let limits = limits_of(&[
                ("proc/self/cgroup", &format!("0::{path}\n")),
                ("proc/self/mountinfo", V2_MOUNT),
                ("sys/fs/cgroup/cpu.max", "50000 100000\n"),
                ("sys/fs/cgroup/memory.max", "268435456\n"),
            ]);
            assert_eq!(limits, Limits { cpus: Some(0.5), memory: Some(256 * MIB) }, "{path}");
        }
    }

    #[test]
    fn each_tree_of_v1_has_its_own_path() {
        let limits = limits_of(&[
            ("proc/self/cgroup", "9:memory:/pod/one\n3:cpu,cpuacct:/pod\n1:name=systemd:/\n0::/ignored\n"),
            (
                "proc/self/mountinfo",
                "31 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                 32 30 0:28 / /sys/fs/cgroup/cpu rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
                 33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
            ),
            // What the kernel says where there is no limit.
            ("sys/fs/cgroup/memory/pod/one/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/pod/memory.limit_in_bytes", "134217728\n"),
            ("sys/fs/cgroup/cpu/pod/cpu.cfs_quota_us", "250000\n"),
            ("sys/fs/cgroup/cpu/pod/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
        ]);
        assert_eq!(limits, Limits { cpus: Some(2.5), memory: Some(128 * MIB) });
    }

    #[test]
    fn a_container_without_a_namespace_is_mounted_at_its_own_path() {
        let limits = limits_of(&[
            ("proc/self/cgroup", "9:memory:/docker/abc\n"),
            ("proc/self/mountinfo", "31 30 0:27 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "67108864\n"),
        ]);
        assert_eq!(limits.memory, Some(64 * MIB));
    }

    #[test]
    fn a_part_of_a_cpu_is_no_core_but_for_the_first() {
        let cores = |allowed, cpus| cores_within(allowed, Limits { cpus, memory: None });
        assert_eq!(cores(4, None), 4);
        assert_eq!([0.5, 1.0, 1.5, 2.0, 2.99, 16.0].map(|cpus| cores(4, Some(cpus))), [1, 1, 1, 2, 2, 4]);
        assert_eq!(cores(1, Some(2.0)), 1, "the affinity counts, too");
    }
}

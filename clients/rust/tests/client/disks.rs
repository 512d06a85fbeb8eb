//! Full disks and folders that cannot be written.

use falconer_client::{Activation, Licensing, State};

use crate::harness::{TestSetup, key, unlocked};
use crate::stored::{FORMATS, file_name};

fn activates_all_the_same(client: &Licensing) {
    assert_eq!(client.activate(&key(1), "", ""), Ok(Activation::Done(State::Active)));
    assert!(unlocked(client));
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use super::*;
    use crate::harness::DAY;

    /// Marks a test that already runs in its own name space.
    const INSIDE: &str = "FALCONER_TEST_MAY_MOUNT";

    /// Runs a test with the right to mount: directly, or started again in a user name space. If the system allows
    /// neither, the test fails and says so instead of passing unseen.
    fn where_mounting_is_allowed(name: &str, test: fn()) {
        #[expect(clippy::disallowed_methods, reason = "a test tells itself that it was started again")]
        let inside = std::env::var_os(INSIDE).is_some();
        let allowed = || {
            let folder = tempfile::tempdir().unwrap();
            let mount = ["-t", "tmpfs", "-o", "size=64k", "tmpfs", text(folder.path())];
            let mounted =
                Command::new("mount").args(mount).output().is_ok_and(|output| output.status.success());
            mounted && Command::new("umount").arg(folder.path()).status().is_ok_and(|status| status.success())
        };
        if inside || allowed() {
            return test();
        }
        let name = format!("disks::linux::{name}");
        let output = Command::new("unshare")
            .arg("-rm")
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", &name])
            .env(INSIDE, "1")
            .output()
            .expect("unshare, of util-linux");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("1 passed"),
            "this test needs the right to mount a file system; run it as root: {said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// A file system that ends with the test.
    struct Mounted(tempfile::TempDir);

    impl Mounted {
        fn tmpfs(size: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            run("mount", &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs", text(folder.path())]);
            Self(folder)
        }

        fn path(&self) -> &Path {
            self.0.path()
        }

        fn remount(&self, how: &str) {
            run("mount", &["-o", &format!("remount,{how}"), text(self.path())]);
        }

        /// Writes until the disk is full.
        fn fill(&self) {
            let mut size = 1 << 20;
            while size > 0 {
                let more = vec![b'x'; size];
                let name = self.path().join(format!("filler-{size}"));
                if fs::write(&name, &more).is_err() {
                    size /= 2;
                } else if size > 1 {
                    let _ = fs::rename(&name, self.path().join(format!("filler-{size}-full")));
                    size /= 2;
                } else {
                    break;
                }
            }
            assert!(
                fs::write(self.path().join("one-more"), vec![b'x'; 4_096]).is_err(),
                "there is still room"
            );
            let _ = fs::remove_file(self.path().join("one-more"));
        }

        fn make_room(&self) {
            for entry in fs::read_dir(self.path()).unwrap().map(Result::unwrap) {
                if entry.file_name().to_string_lossy().starts_with("filler") {
                    fs::remove_file(entry.path()).unwrap();
                }
            }
        }
    }

    impl Drop for Mounted {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg(self.path()).status();
        }
    }

    fn run(program: &str, arguments: &[&str]) {
        let output = Command::new(program).args(arguments).output().expect("a program to mount with");
        assert!(
            output.status.success(),
            "{program} {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn text(path: &Path) -> &str {
        path.to_str().expect("a path in UTF-8")
    }

    #[test]
    fn full_disk_is_reported() {
        where_mounting_is_allowed("full_disk_is_reported", full_disk);
    }

    fn full_disk() {
        for format in FORMATS {
            let disk = Mounted::tmpfs("256k");
            let (setup, path) = (TestSetup::with_format(format), disk.path().join(file_name(format)));
            disk.fill();
            let client = setup.on(&path);
            activates_all_the_same(&client);
            let notice = client.notice().expect("a word about it");
            assert!(
                notice.sentence.contains("full") && notice.next_step.contains("Free some space"),
                "{notice}"
            );
            drop(client);
            assert_eq!(setup.on(&path).status(), State::NotActivated, "nothing was kept");
            disk.make_room();
            activates_all_the_same(&setup.on(&path));
            let client = setup.on(&path);
            assert_eq!((client.status(), client.notice()), (State::Active, None));
        }
    }

    #[test]
    fn disk_filling_up_keeps_license() {
        where_mounting_is_allowed("disk_filling_up_keeps_license", disk_filling_up);
    }

    fn disk_filling_up() {
        for format in FORMATS {
            let disk = Mounted::tmpfs("256k");
            let (setup, path) = (TestSetup::with_format(format), disk.path().join(file_name(format)));
            let client = setup.on(&path);
            activates_all_the_same(&client);
            disk.fill();
            setup.clock.pass(DAY);
            assert_eq!(client.refresh(), Ok(State::Active), "in memory");
            drop(client);
            let client = setup.on(&path);
            assert!(
                unlocked(&client),
                "what was saved before still counts: {:?} {:?}",
                client.status(),
                client.notice()
            );
            drop(client);
            disk.make_room();
            let client = setup.on(&path);
            assert!(unlocked(&client));
            assert_eq!((client.refresh(), client.notice()), (Ok(State::Active), None));
        }
    }

    #[test]
    fn interrupted_read_only_copy_is_not_read() {
        where_mounting_is_allowed("interrupted_read_only_copy_is_not_read", interrupted_copy);
    }

    /// A file beside a journal may be half old and half new, and so may one beside a log of version 0.1.0: here, a lease
    /// from before a revocation.
    fn interrupted_copy() {
        for ending in ["db-journal", "db-wal"] {
            let disk = Mounted::tmpfs("256k");
            let (setup, copy) = (TestSetup::new(), disk.path().join("license.db"));
            activates_all_the_same(&setup.on(&copy));
            fs::write(copy.with_extension(ending), [1; 512]).unwrap();
            disk.remount("ro");
            let client = setup.on(&copy);
            assert!(!unlocked(&client) && client.notice().is_some(), "{:?}", client.status());
        }
    }

    /// SQLite's way to read a file that nothing may be written beside is a URI, which does not name every path.
    #[test]
    fn read_only_store_is_read_at_any_path() {
        where_mounting_is_allowed("read_only_store_is_read_at_any_path", read_only_paths);
    }

    fn read_only_paths() {
        for format in FORMATS {
            let disk = Mounted::tmpfs("256k");
            let setup = TestSetup::with_format(format);
            // Two slashes at the start are a host to a URI, as in \\server\share of Windows.
            let at = |path: &str| std::path::PathBuf::from(format!("/{}{path}", text(disk.path())));
            let paths = ["/share", "/a b", "/100%", "/what?", "/#1", "/%20", "/ü", "/a\\b"].map(at);
            for path in &paths {
                activates_all_the_same(&setup.on(path));
            }
            disk.remount("ro");
            for path in paths {
                let client = setup.on(&path);
                assert!(unlocked(&client) && client.notice().is_some(), "{}", path.display());
            }
        }
    }

    #[test]
    fn read_only_disk_is_read_and_reported() {
        where_mounting_is_allowed("read_only_disk_is_read_and_reported", read_only_disk);
    }

    fn read_only_disk() {
        for format in FORMATS {
            let disk = Mounted::tmpfs("256k");
            let (setup, path) = (TestSetup::with_format(format), disk.path().join(file_name(format)));
            activates_all_the_same(&setup.on(&path));
            disk.remount("ro");
            let client = setup.on(&path);
            assert_eq!(client.status(), State::Active);
            assert!(
                client.notice().unwrap().sentence.contains("may not be written"),
                "{:?}",
                client.notice()
            );
            setup.clock.pass(DAY);
            assert_eq!(client.refresh(), Ok(State::Active), "in memory");
            drop(client);
            assert_eq!(setup.on(&path).status(), State::RefreshDue, "as it was saved");
            let nothing = setup.on(&disk.path().join("another.db"));
            activates_all_the_same(&nothing);
            assert!(nothing.notice().is_some());
            disk.remount("rw");
            assert_eq!(setup.on(&path).notice(), None);
        }
    }
}

#[test]
fn unusable_path_opens_in_memory() {
    for format in FORMATS {
        let (setup, folder) = (TestSetup::with_format(format), tempfile::tempdir().unwrap());
        let file = folder.path().join("a-file");
        std::fs::write(&file, "text").unwrap();
        for path in [folder.path().to_owned(), file.join("license.db")] {
            let client = setup.on(&path);
            activates_all_the_same(&client);
            assert!(client.notice().is_some(), "{}", path.display());
        }
        assert_eq!(std::fs::read(&file).unwrap(), b"text");
    }
}
